// Package metric measures how far samples are from data, and how straight the paths are that led to them.
//
// Metrics are rows of tables: Sets compares two sets of points, Paths looks at trajectories.
//
//	m, err := metric.Parse("energy")
//	d, err := m.Of(samples, fresh, 2, noise.New(seed, noise.Projection))
//
// No distance between two finite samples is zero, even if both come from the same distribution: compare every figure with its sampling floor, the same
// metric between two true samples of that size (Metric.Floor).
//
//	floor, err := m.Floor(rows, nil, 2, 1000, 5, noise.New(seed, noise.Projection)) // mean ± deviation of five pairs of disjoint subsets of 1,000 rows
//
// Points are rows of float32, [n, dim] flat; x are the samples and y the data wherever it matters. Sums are in float64. Sets that hold anything but finite
// numbers are an error. Left out: distances in the feature space of a network, such as FID, which say as much about that network.
package metric
