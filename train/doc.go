// Package train fits a velocity network to data by flow matching, the write-up's algorithm with nothing left out:
//
//	for each step: rows y of the data, t ~ U[0, 1], x0 ~ N(0, I), x_t = α y + β x0,
//	               loss = mean over rows of ‖u(x_t, t) − (α̇ y + β̇ x0)‖², a step of AdamW on its gradient
//
// That is the default of tables of choices (Config, Loss): what the network predicts, what the loss is measured in, squared or pseudo-Huber, weights in time and by
// column, and the distribution of t. A weight changes the loss; a distribution of t changes which t are drawn, and the loss is not divided by it.
//
// A run is a folder:
//
//	set, err := data.Load("digits", data.Options{})
//	err = train.Run(ctx, train.Default(), set, "runs/digits", train.Options{})
//	model, facts, err := train.LoadRun("runs/digits", false)
//
//	config.yaml          every setting (Config)
//	log.jsonl            losses, gradient norm, rate, speed (Line)
//	checkpoint/          the state after some steps (train/checkpoint)
//	weights.safetensors  the model, written at the end: averaged weights and raw ones (models)
//
// The whole step is one graph: network, loss, derivatives (models/autodiff), clipping, AdamW and the moving average (train/optim). The native engine
// compiles it and updates the state in place, without an allocation. A step's random numbers are a pure function of the seed and its number, and the engine's
// results do not depend on the number of threads, so a run that is killed and resumed ends with the bytes of one that was not (kill_test.go). PortableStep is
// the same step for other programs, LoadStep that of a run with the state it is in, and Import takes weights back.
//
// Losses are sums over dimensions and means over rows. Data are split, normalised and trained in model space; the weights file says how to come back.
// Where a schedule or a conversion has no limit at an end, the times stop short of it: flow.Interval, kept in the model.
//
// x0 is noise, or rows of a source, or given with its x1 as pairs (Config.Load). A coupling pairs x0 with x1 by optimal transport in blocks (train/ot), on goroutines
// ahead of the steps: it permutes x0 among the rows of one batch or several, so that no row is repeated or dropped, and what a step sees is still a function of
// seed and step alone. Reflow trains on the pairs of another model.
package train
