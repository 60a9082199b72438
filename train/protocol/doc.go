// Package protocol repeats published experiments on flow matching from end to end: data, training, sampling, figures.
//
//	p, err := protocol.Parse("tong-2d")
//	results, err := p.Run(ctx, protocol.Options{Seeds: 5}, nil, save)
//	err = p.Report(results, protocol.Options{Seeds: 5}).Print(os.Stdout)
//
// A protocol is a list of jobs, one for each task, method and seed; they do not depend on each other, so they run on all processors, and results that are
// given are not computed again: a run that is stopped goes on where it was. A report shows ours, the published figure and the sampling floor beside
// each other, checks what was asked, and names every deviation from the published protocol.
//
// Training is the step of package train on pairs that the protocol draws: noise σ on the path is the same ε added to both ends, x_t + σ ε with target
// x1 − x0. The trained model is exported and sampled as ONNX on the native engine.
package protocol
