// Package autodiff makes derivatives of graphs as graphs, in the same builder and from the same operators, so that whatever is differentiated can be
// exported, compiled and differentiated again.
//
//	y := build(b, x)                       // any values of one builder
//	dx := autodiff.VJP(b, y, seed, x)[0]   // (∂y/∂x)ᵀ·seed, reverse mode
//	dy := autodiff.JVP(b, y, []*graph.Value{x}, []*graph.Value{v}) // (∂y/∂x)·v, forward mode
//
// The reverse rules are a table with one row for each operator; the forward mode follows from them, as the derivative of J'ᵀs in s is J. Rules are linear
// in the gradient. Conventions at kinks: Relu, LeakyRelu, Abs and Sign have slope of the left side or 0 at 0; Max, Min and ReduceMax share a gradient
// equally among equal winners; Clip lets it pass on its bounds; Floor, Ceil and comparisons have derivative 0. ScatterElements has derivatives
// for the reductions none (without repeated indices) and add. Loop has none: unroll it.
package autodiff
