// Package models holds architectures of velocity networks, their weights and the file they are kept in.
//
// A Model is a flow.Spec (what the numbers mean), an Architecture (the formula) and weights by name. VelocityGraph makes it the graph that is
// sampled and exported:
//
//	m, err := models.New(spec, models.MLP{Width: 64, Depth: 3}, noise.New(7, noise.Weights))
//	g, err := models.VelocityGraph(m) // inputs x [batch D...], t [T 1] and y if conditional; output velocity [batch D...]
//
// A network may predict x1, the noise or the score. Training lowers the error of what it predicts (Build); VelocityGraph converts it by the schedule's
// coefficients, which are graphs too (path.go). A schedule of package flow needs its formula there before a network on it may predict anything else.
//
// The file is safetensors with the spec and the architecture in its metadata (file.go). Its reader refuses what is not exactly such a file: headers over
// a bound, gaps, overlaps, duplicate names, sizes that do not fit.
package models
