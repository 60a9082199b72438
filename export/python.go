package export

import (
	_ "embed" // for the Python consumers
	"strings"
)

// PythonSample is the Python program that samples a velocity.onnx with onnxruntime and numpy alone, python/sample.py.
//
//go:embed python/sample.py
var PythonSample string

// PythonFineTune is the Python program that fine-tunes with a train_step.onnx and onnxruntime and numpy alone, python/fine_tune.py.
//
//go:embed python/fine_tune.py
var PythonFineTune string

//go:embed python/fm_load.py
var pythonLoad string

// What fm_load.py takes from fine_tune.py: all between these two lines.
const tuneFrom, tuneTo, tuneImport = "TYPES = ", "if __name__ ==", "from fine_tune import "

// PythonLoad is the Python program in bundles, which loads and verifies them: python/fm_load.py with what it takes from python/fine_tune.py inside.
func PythonLoad() string {
	_, tune, _ := strings.Cut(PythonFineTune, "\n"+tuneFrom)
	tune, _, _ = strings.Cut(tune, "\n"+tuneTo)
	before, after, _ := strings.Cut(pythonLoad, tuneImport)
	_, after, _ = strings.Cut(after, "\n")
	return before + tuneFrom + strings.TrimSpace(tune) + "\n" + after
}
