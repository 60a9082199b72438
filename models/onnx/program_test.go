package onnx_test

import (
	"bytes"
	"strings"
	"testing"

	"fmtool/models/graph"
	"fmtool/models/onnx"
)

// again writes a program and reads it back.
func again(t *testing.T, g *graph.Graph, p onnx.Profile) (*graph.Graph, []byte) {
	t.Helper()
	m, err := onnx.FromGraph(g, p, nil)
	if err != nil {
		t.Fatalf("%s: %v", g.Name, err)
	}
	file := m.Marshal()
	m, err = onnx.Unmarshal(file)
	if err != nil {
		t.Fatalf("%s: %v", g.Name, err)
	}
	back, err := m.Graph()
	if err != nil {
		t.Fatalf("%s: %v\n%v", g.Name, err, g)
	}
	return back, file
}

// renamed are the models that give a constant as an output: as two values cannot have one name, the constant gets another.
var renamed = map[string]bool{"node/test_constant/model.onnx": true, "node/test_if/model.onnx": true}

// A program read from any of ONNX's test models, written and read again is the same program; so is one of profile Wide after its reductions' axes went
// to attributes and back, but for the constants' order.
func TestProgramRoundTrip(t *testing.T) {
	programs := 0
	eachModel(t, func(t *testing.T, name string, file []byte) {
		m, err := onnx.Unmarshal(file)
		if err != nil {
			t.Fatal(err)
		}
		g, err := m.Graph()
		if err != nil {
			return
		}
		programs++
		g.Prune() // constants that nothing uses are not written
		if _, err := onnx.FromGraph(g, onnx.Modern, nil); err != nil && strings.Contains(err.Error(), "Range of float16") {
			return // opset 27 alone has it
		}
		back, first := again(t, g, onnx.Modern)
		if got, want := back.String(), g.String(); got != want && !renamed[name] {
			t.Errorf("%s: a round trip changed the program: %s", name, firstDifference(got, want))
		}
		if _, second := again(t, back, onnx.Modern); !bytes.Equal(first, second) {
			t.Errorf("%s: the same program gave other bytes", name)
		}
		if _, err := onnx.FromGraph(g, onnx.Wide, nil); err != nil {
			if !strings.Contains(err.Error(), "profile seeded") && !strings.Contains(err.Error(), "profile modern") {
				t.Errorf("%s: %v", name, err)
			}
			return
		}
		back, _ = again(t, g, onnx.Wide)
		if len(back.Nodes) != len(g.Nodes) || len(back.Inputs) != len(g.Inputs) {
			t.Errorf("%s: %d nodes in profile wide, %d before", name, len(back.Nodes), len(g.Nodes))
		}
	})
	if programs < 640 {
		t.Errorf("%d models are programs, want at least 640", programs)
	}
}

// firstDifference is the first line in which two dumps differ.
func firstDifference(got, want string) string {
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range min(len(g), len(w)) {
		if g[i] != w[i] {
			return "\n got " + g[i] + "\nwant " + w[i]
		}
	}
	return "one is longer"
}
