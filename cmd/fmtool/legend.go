package main

import (
	"math"

	"gonum.org/v1/plot"
)

// The share of the axes that a legend at the upper right takes: its width, and the height of each entry.
const legendWidth, entryHeight = 0.45, 0.075

// roomForLegend lengthens the axis of y until no line, deviations included, passes below the legend's entries.
func roomForLegend(p *plot.Plot, lines map[string]*errorPoints, entries int) {
	top, room := 0.0, max(1-float64(entries)*entryHeight, 0.3)
	for _, l := range lines {
		top = max(top, highest(p, l, 1-legendWidth))
	}
	if !(top > room) { // or no number, where the axis has no length yet
		return
	}
	if _, logarithmic := p.Y.Scale.(plot.LogScale); logarithmic {
		p.Y.Max = p.Y.Min * math.Pow(p.Y.Max/p.Y.Min, top/room)
		return
	}
	p.Y.Max = p.Y.Min + (p.Y.Max-p.Y.Min)*top/room
}

// highest is the highest share of the axis of y that a line reaches from a share of the axis of x on.
func highest(p *plot.Plot, l *errorPoints, from float64) float64 {
	top, x0, y0 := 0.0, 0.0, 0.0
	for i, v := range l.XYs {
		x, y := p.X.Norm(v.X), p.Y.Norm(v.Y+l.YErrors[i].High)
		switch {
		case x >= from && i > 0 && x0 < from:
			top = max(top, y, y0+(y-y0)*(from-x0)/(x-x0))
		case x >= from:
			top = max(top, y)
		}
		x0, y0 = x, y
	}
	return top
}
