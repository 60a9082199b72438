package train

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"fmtool/models"
	"fmtool/models/flow"
	"fmtool/models/tensor"
	"fmtool/train/checkpoint"
	"fmtool/train/optim"
)

// importedKey is the fact that names, by its SHA-256, the file that a run's weights were taken from.
const importedKey = flow.Prefix + "train.imported"

// Import puts the weights of a safetensors file in place of those of the run in dir and leaves the model, with the run's configuration, as a run in out, a
// folder that holds nothing yet. The file holds either the weights by their names or a state as train_step.onnx gives it, whose averages become the model's
// weights and whose weights the raw ones. Names, shapes and numbers are checked before anything is written: see models.Model.Replace.
func Import(dir, weights, out string) error {
	m, facts, err := LoadRun(dir, false)
	if err != nil {
		return err
	}
	b, err := os.ReadFile(weights)
	if err != nil {
		return fmt.Errorf("train: %w", err)
	}
	m, raw, err := replaced(m, b)
	if err != nil {
		return fmt.Errorf("train: %s: %w", weights, err)
	}
	if entries, err := os.ReadDir(out); err == nil && len(entries) > 0 {
		return fmt.Errorf("train: %s is not empty; name a new folder", out)
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("train: %w", err)
	}
	config, err := os.ReadFile(filepath.Join(dir, configName))
	if err != nil {
		return fmt.Errorf("train: %w", err)
	}
	delete(facts, flow.Prefix+"train.held_out.loss") // of other weights
	facts[importedKey] = fmt.Sprintf("%x", sha256.Sum256(b))
	if err := checkpoint.Disk.MkdirAll(filepath.Clean(out)); err != nil {
		return fmt.Errorf("train: %w", err)
	}
	if err := checkpoint.WriteFile(checkpoint.Disk, filepath.Join(out, configName), config); err != nil {
		return fmt.Errorf("train: %w", err)
	}
	return writeWeights(checkpoint.Disk, out, m, raw, facts)
}

// replaced is the model with the weights of a file, and the raw ones beside them if it holds both.
func replaced(m *models.Model, file []byte) (_ *models.Model, raw map[string]tensor.Tensor, err error) {
	tensors, _, err := models.ReadWeights(file)
	if err != nil {
		return nil, nil, err
	}
	weights, averages := map[string]tensor.Tensor{}, map[string]tensor.Tensor{}
	for name, v := range tensors {
		switch base, average := strings.CutPrefix(name, optim.Average); {
		case average:
			averages[base] = v
		case name == stepName, strings.HasPrefix(name, optim.FirstMoment), strings.HasPrefix(name, optim.SecondMoment):
		default:
			weights[name] = v
		}
	}
	next, err := m.Replace(weights)
	if err != nil || len(averages) == 0 {
		return next, nil, err
	}
	if next, err = m.Replace(averages); err != nil {
		return nil, nil, fmt.Errorf("averages: %w", err)
	}
	return next, weights, nil
}

// imported says whether the weights of the run in dir come from a file.
func imported(dir string) bool {
	_, facts, err := LoadRun(dir, false)
	return err == nil && facts[importedKey] != ""
}
