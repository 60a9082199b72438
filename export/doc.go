// Package export writes models as ONNX files whose bytes have been checked: File makes a graph, runs it on every engine it is handed, compares
// with float64, and returns the bytes only if all agree.
//
//	checks := export.Checks{Reference: native.Engine{}, Engines: []export.Engine{{Name: "onnxruntime", Engine: e}}}
//	file, report, err := export.Velocity(ctx, model, export.Options{Checks: checks})
//
// The graphs are
//
//	velocity.onnx   x, t → velocity          the field, in model space, flat: operators alone, no functions and no control flow
//	sampler.onnx    x0, steps → samples      a solver's steps in a Loop, or unrolled, the normaliser inside: noise to data units
//	sample.onnx     seed, count, steps, offset → samples      the noise of package noise too, made in the graph
//	logprob.onnx    x, steps → log_prob, nfe                  log-densities of data, by the divergence of the network's own graph
//	train_step.onnx x1, x0, t, rate, step, state → loss, norm, next state       a step of the model's own training: see Step
//
// each with the condition y, and those that follow the flow with classifier-free guidance inside where Options ask for it. Weights stand in a file once; where a
// graph evaluates the velocity more than once it is a function that is called with them. Metadata (keys io.fmtool.*) say all that a consumer must know, and the
// doc string says it in words. The same model gives the same bytes.
//
// ManualOf says of any file what its inputs and outputs mean, known for ours and guessed for others, and writes programs in Python and Go that run it.
//
// Declare makes a velocity file of a network from elsewhere, whose nodes it leaves as they are, by what is declared of its inputs and output.
//
// Bundle makes all of these graphs and what a consumer wants beside them, file by file: a manifest with the meaning of every input and output and the SHA-256 of
// every file, test data in float64, weights, a model card, and the Python program that loads and verifies them. OpenBundle reads one that a stranger may have
// changed.
//
// Verify runs the same comparison on a file that exists. Its reference for samplers is runtime/solver on the field, so that it knows nothing of how the graph
// was built. A velocity field whose weight was altered still agrees with itself; what holds it are the digests in its metadata: io.fmtool.digests, JSON with the
// first 32 bits of a SHA-256 of every initialiser (tensors), every layer's nodes (layers), inputs, outputs, types, format and doc string (parts) and the other
// metadata, so that what was altered has a name, and io.fmtool.digests.sha256, the whole SHA-256 of that text. They guard against accidents, not against who
// writes new ones. Writing the bytes to disk is the caller's: train/checkpoint has the crash-safe way.
package export
