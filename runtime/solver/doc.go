// Package solver integrates ordinary and stochastic differential equations with explicit methods. It knows nothing of networks.
//
// A method is a Tableau, a row of numbers; its declared order is tested. Three ways run it, over any grid of times, ascending or descending:
//
//   - Tableau.Solve in float64, a step for each interval of the grid, yielding the state at each time;
//   - Stepper in float32, the same steps without an allocation, which samplers use;
//   - Adaptive.Solve in float64, with steps that each row of a batch chooses for itself from an estimate of its error.
//
// An example:
//
//	for s, err := range solver.Heun.Solve(ctx, f, x0, solver.Grid(10)) {
//		...
//	}
package solver
