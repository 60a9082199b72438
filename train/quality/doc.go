// Package quality says how good the samples of a velocity field are: their distances from data beside the sampling floor, against the number of
// evaluations that each solver spends, class by class, and how straight the paths are.
//
//	j, err := quality.New(field, set, quality.Options{N: 1000, Seeds: 3})
//	d, err := j.Distances(ctx, quality.Rule{Method: solver.Euler, Steps: 100})
//	c, err := j.Curve(ctx, metric.Sets[1], quality.Budgets([]solver.Tableau{solver.Euler, solver.Heun}, []int{2, 4, 8}))
//
// Each repeat has its own sampling seed and its own random rows of the data to compare with, so that deviations hold all that chance does; repeats are
// the same for every solver and metric. A conditional field is given the labels or vectors of the rows that it is compared with. The floor of a metric is
// its value between two disjoint sets of true rows of the same size, of the same classes where the field is given classes, so there must be twice as many rows
// as samples.
package quality
