// Package native is the engine in pure Go: it compiles a graph and executes it on tensors.
//
//	p, err := native.Compile(g, native.Options{Threads: 2})
//	defer p.Close()
//	err = p.Run(ctx, []tensor.Tensor{x, t}, []tensor.Tensor{u})
//
// A graph whose shapes follow from those of its inputs is bound once for each set of input shapes (instance): shapes are inferred, elementwise
// operators fused into vector programs (fuse.go, program.go), transposes folded into matrix products, every intermediate value given a place in one arena
// (memory.go), and the list of kernel calls fixed. Running it again on those shapes allocates nothing. A graph with Loop, If or shapes that
// depend on numbers is interpreted (interpret.go); the body of a Loop is still bound once.
//
// What works row by row runs block by block of rows, whose values stay in the cache (stage.go). Sums over the batch, such as gradients of weights, are
// taken there too when Options.Shards says into how many sums the batch is cut (sums.go). The workers of a plan join once for each run (pool.go).
//
// Results do not depend on the number of threads: what is shared between them is cut by rows or elements, and sums only into shards.
//
// With Options.State a plan is a training step: parameters take the value of outputs after each run. With Options.Float64 all
// float32 numbers become float64, which makes the plan the reference of the parity checks. Engine opens ONNX files.
package native
