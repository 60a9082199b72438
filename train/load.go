package train

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"fmtool/models"
	"fmtool/models/flow"
	"fmtool/models/tensor"
	"fmtool/train/checkpoint"
)

const weightsName = "weights.safetensors"

// Facts are what a run says of its training, as metadata with keys io.fmtool.train.*.
type Facts map[string]string

// LoadRun reads the model of a complete run: the averaged weights, or those of the last step if raw is set.
func LoadRun(dir string, raw bool) (*models.Model, Facts, error) {
	b, err := os.ReadFile(filepath.Join(dir, weightsName))
	if errors.Is(err, fs.ErrNotExist) {
		if _, err := os.Stat(filepath.Join(dir, configName)); err == nil {
			return nil, nil, fmt.Errorf("train: the run in %s is not complete; resume it first", dir)
		}
		return nil, nil, fmt.Errorf("train: %s holds no run: it has no %s", dir, weightsName)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("train: %w", err)
	}
	m, meta, err := models.Decode(b, raw)
	if err != nil {
		return nil, nil, fmt.Errorf("train: %s: %w", filepath.Join(dir, weightsName), err)
	}
	f := Facts{}
	for k, v := range meta {
		if strings.HasPrefix(k, flow.Prefix+"train.") {
			f[k] = v
		}
	}
	return m, f, nil
}

// writeWeights puts the finished model into the run's folder. Without an average the raw weights are the model's own and kept once more, so that --raw
// always finds them.
func writeWeights(files checkpoint.FS, dir string, m *models.Model, raw map[string]tensor.Tensor, facts Facts) error {
	if raw == nil {
		raw = m.Weights
	}
	write := func(w io.Writer) error { return m.EncodeTo(w, raw, facts) }
	if err := checkpoint.Write(files, filepath.Join(dir, weightsName), write); err != nil {
		return fmt.Errorf("train: %w", err)
	}
	return nil
}

// Newest returns the folder of the complete run under root that was finished last.
func Newest(root string) (string, error) {
	entries, err := os.ReadDir(root)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("train: %w", err)
	}
	best, latest := "", time.Time{}
	for _, e := range entries {
		dir := filepath.Join(root, e.Name())
		info, err := os.Stat(filepath.Join(dir, weightsName))
		if err == nil && (best == "" || info.ModTime().After(latest)) {
			best, latest = dir, info.ModTime()
		}
	}
	if best == "" {
		return "", fmt.Errorf("train: no complete run under %s; train one first, or name its folder", root)
	}
	return best, nil
}
