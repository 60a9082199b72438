// Package optim builds the update of a training step as a graph: global-norm clipping, AdamW [LH19] and the exponential moving average of the weights.
//
// Moments and averages are parameters of the graph; Update returns which output holds the next value of which parameter, and the native engine puts them
// there after each run. The learning rate is an input: Rate is a function of the step on the host.
package optim
