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
// machine. The field itself is Model.Velocity.
//
// The package shadows the standard library's runtime; import that one as goruntime.
package runtime
