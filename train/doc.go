// Package train fits a velocity network to data by flow matching:
//
//	for each step: y from the data, t ~ U[0, 1], x0 ~ N(0, I), x_t = α y + β x0,
//	               loss = ‖α̇ y + β̇ x0 − u(x_t, t)‖², a step of AdamW
//
// Every random number is a pure function of the seed and the step, so an interrupted run resumes to the bytes of an uninterrupted one.
package train
