// Package runtime samples from velocity fields in ONNX files, on whatever engine it is handed.
//
//	m, err := runtime.Open(engine, file, engine.Options{Threads: 1})
//	defer m.Close()
//	s := runtime.Sampler{Field: m, Steps: 50, Seed: 7}
//	samples := tensor.New(tensor.Float32, 64, m.Spec().Dim())
//	stats, err := s.Sample(ctx, samples, tensor.Tensor{})
//
// Open reads what the numbers mean from the file's metadata, so the file is all that is needed. A Sampler makes the noise of package noise, row by row
// from the seed, integrates dx/dt = u_t(x) from t = 0 to 1 and takes the result to data units. Row n of a seed does not depend on batch size, threads or
// machine. Its steps lie along the model's grid, even ones unless it was trained with another, or along Sampler.Grid. The field itself is Model.Velocity.
//
// Beside samples there is what a velocity tells:
//
//   - Guide pushes a conditional field towards its condition. It wraps a field and is one, so velocities are mixed at every stage of every solver.
//   - Reschedule takes a field to the path of another schedule.
//   - Likelihood computes log-densities, of samples on the way out or of given data on the way back, with the divergence of a model that OpenDivergence
//     opened, exact or estimated by probes.
//   - Score, PosteriorMean and Predict convert the velocity to ∇ log p_t(x), E[x1 | x_t] or E[x0 | x_t]; Denoiser does so for rows of data.
//
// An example of the log-density of data:
//
//	f, err := runtime.OpenDivergence(engine, file, engine.Options{}, runtime.Divergence{Probes: 8})
//	d, err := runtime.Likelihood{Field: f}.Data(ctx, rows, labels)
//	mean, spread := d.Mean() // nats
//
// The package shadows the standard library's runtime; import that one as goruntime.
package runtime
