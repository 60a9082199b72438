package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"fmtool/export"
	"fmtool/models"
	"fmtool/train"
	"fmtool/train/checkpoint"
)

// folder says that a path is a folder's: it ends in a slash, or one is there.
func folder(path string) bool {
	info, err := os.Stat(path)
	return strings.HasSuffix(path, "/") || strings.HasSuffix(path, string(filepath.Separator)) || err == nil && info.IsDir()
}

// free refuses what absent and vacant refuse, of a file and of a folder.
func free(cmd *cobra.Command, path string, force bool) error {
	if folder(path) {
		return vacant(cmd, path, force)
	}
	return absent(path, force)
}

// oneGraph are the flags of export that shape one graph, and say nothing of a bundle.
var oneGraph = []string{"graph", "unroll", "adaptive", "profile", "divergence"}

// vacant refuses to write a bundle over what is not one, before anything is computed: files that no bundle brought are never removed.
func vacant(cmd *cobra.Command, path string, force bool) error {
	for _, name := range oneGraph {
		if cmd.Flags().Changed(name) {
			return fmt.Errorf("%s is a folder for a bundle, which holds each graph in its plain form: leave --%s out, or name a file.onnx", path, name)
		}
	}
	if _, err := os.Stat(filepath.Dir(filepath.Clean(path))); err != nil {
		return err
	}
	entries, err := os.ReadDir(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case len(entries) > 0 && !force:
		return fmt.Errorf("%s exists and is not empty; use --force to replace it if it is a bundle", path)
	}
	return onlyBundle(path)
}

// onlyBundle makes sure that a folder holds nothing but the files of a bundle, and what Python leaves beside them.
func onlyBundle(path string) error {
	known := map[string]export.FileSum{}
	if b, err := export.OpenBundle(os.DirFS(path)); err == nil {
		known = b.Files
		known["manifest.json"] = export.FileSum{}
	}
	return fs.WalkDir(os.DirFS(path), ".", func(name string, e fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case e.IsDir() && e.Name() == "__pycache__":
			return fs.SkipDir
		case e.IsDir():
			return nil
		}
		if _, ok := known[name]; !ok {
			return fmt.Errorf("%s holds %s, which is no part of a bundle and would be lost; move it, or name another folder", path, name)
		}
		return nil
	})
}

// writeBundle writes the bundle of the run in dir.
func writeBundle(cmd *cobra.Command, path, dir string, m *models.Model, o export.Options, sidecar, force bool) error {
	g, state, settings, err := train.LoadStep(dir)
	if err != nil {
		return err
	}
	o.Step = &export.Step{Graph: g, State: state, Settings: settings}
	var manifest *export.Manifest
	var report export.Report
	err = checkpoint.Folder(checkpoint.Disk, path, force, func(add func(string, []byte) error) error {
		manifest, report, err = export.Bundle(cmd.Context(), m, o, sidecar, add)
		return err
	})
	if err != nil {
		return err
	}
	var names []string
	for _, g := range manifest.Graphs {
		names = append(names, g.Name)
	}
	var bytes int64
	for _, f := range manifest.Files {
		bytes += f.Bytes
	}
	w, talk := report.Worst(), cmd.ErrOrStderr()
	fmt.Fprintf(talk, "%s: %s; %d files, %d bytes from %s; worst difference from float64 %.2g of %.2g allowed (%s on %s)\n",
		path, strings.Join(names, ", "), len(manifest.Files)+1, bytes, dir, w.Worst, w.Tolerance, w.Graph, w.Engine)
	for _, name := range export.Graphs() {
		if why := manifest.Absent[name]; why != "" {
			fmt.Fprintf(talk, "no %s: %s\n", name, why)
		}
	}
	return nil
}

// none refuses settings that say something to a network from elsewhere, of the bundle in path.
func (f *fileFlags) none(path string) error {
	if f.external || f.declared.settings() != nil {
		return fmt.Errorf("%s is a folder, for a bundle whose manifest says where weights lie and what inputs mean: leave --external-data and declarations out", path)
	}
	return nil
}

// verifyBundle checks the bundle in a folder, which nothing in it leaves.
func verifyBundle(ctx context.Context, path string, c export.Checks) (export.Report, error) {
	root, err := os.OpenRoot(path)
	if err != nil {
		return export.Report{}, err
	}
	defer root.Close() //nolint:errcheck // it was only read
	b, err := export.OpenBundle(root.FS())
	if err != nil {
		return export.Report{}, fmt.Errorf("%s: %w", path, err)
	}
	return b.Verify(ctx, c)
}
