// Package flow is the mathematics of Gaussian probability paths [LI23, HE25], free of networks and files.
//
// Time runs from noise to data: x_t = α_t x1 + β_t x0 with x0 ~ N(0, I) at t = 0 and data x1 (written y in the source text) at t = 1, so that
// p(x_t | x1) = N(α_t x1, β_t² I): β_t is a standard deviation. A Schedule gives α, β and their slopes. The network learns the velocity
//
//	u_t(x) = E[ α̇_t x1 + β̇_t x0 | x_t = x ],
//
// and samples follow dx/dt = u_t(x). Velocity, x1, noise and score of the same (x, t) determine each other: Coeffs.Convert.
//
//	s, _ := flow.ParseSchedule("cosine")
//	c := s.At(0.3)
//	a, b := c.Convert(flow.Velocity, flow.Score) // score = a·x + b·u
//
// Not every conversion has a limit at the ends of the path: Interval says on which times a prediction is trained and evaluated. A field that was
// trained on one schedule serves any other by a Rescheduling. Times are distributions of t, drawn from in training and, as a Grid, giving the steps
// of samplers by their quantiles; a Weight is a factor of the loss in time.
//
// Where the data are a finite set, a Gaussian or a mixture of them, the marginal field has a closed form (Mixture), the measure of everything else.
//
// A Spec says what the numbers of a velocity field mean: dimensions, condition, schedule, prediction, normaliser, source and coupling. What holds
// for noise alone asks Spec.CheckBase or Spec.CheckScore first. It travels in the metadata of ONNX files. A Normaliser takes data to model space
// and back.
package flow
