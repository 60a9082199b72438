package ort

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	goruntime "runtime"
	"slices"
	"strings"
)

// Candidate is a place where the shared library may be.
type Candidate struct {
	Path   string
	Source string // why it was looked at: flag, environment, cache, …
	Err    error  // why it is not used, nil for the one that is or was not tried
}

// Environment variables that name the library.
var variables = []string{"FMTOOL_ORT_LIB", "ONNXRUNTIME_SHARED_LIBRARY_PATH"}

// patterns are the library's file names on a system.
var patterns = map[string][]string{
	"linux": {"libonnxruntime.so", "libonnxruntime.so.*"}, "darwin": {"libonnxruntime.dylib", "libonnxruntime.*.dylib"}, "windows": {"onnxruntime.dll"},
}

// Candidates lists where the library is looked for, best first. An explicit path is the only candidate; then come the variables FMTOOL_ORT_LIB and
// ONNXRUNTIME_SHARED_LIBRARY_PATH, each alone if set; then what is found next to the program, in the user's cache folder (fmtool ort install), in the
// loader's path, in the active Python, in ./node_modules and in the system's folders; last the bare name for the dynamic loader.
func Candidates(explicit string) []Candidate {
	if explicit != "" {
		return []Candidate{{Path: explicit, Source: "asked for"}}
	}
	for _, name := range variables {
		if path := os.Getenv(name); path != "" {
			return []Candidate{{Path: path, Source: name}}
		}
	}
	var out []Candidate
	for _, place := range places() {
		for _, dir := range place.dirs {
			out = append(out, inFolder(dir, place.source)...)
		}
	}
	names := map[string]string{"linux": "libonnxruntime.so.1", "darwin": "libonnxruntime.dylib", "windows": "onnxruntime.dll"}
	return append(out, Candidate{Path: names[goruntime.GOOS], Source: "dynamic loader"})
}

type place struct {
	source string
	dirs   []string
}

func places() []place {
	var out []place
	add := func(source string, dirs ...string) { out = append(out, place{source, dirs}) }
	if exe, err := os.Executable(); err == nil {
		dir := filepath.Dir(exe)
		add("next to the program", dir, filepath.Join(dir, "lib"))
	}
	if cache, err := CacheDir(); err == nil {
		add("user cache", newestFirst(filepath.Join(cache, "*"))...)
	}
	for _, name := range []string{"ORT_LIB_DIR", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH"} {
		if list := os.Getenv(name); list != "" {
			add(name, filepath.SplitList(list)...)
		}
	}
	for _, name := range []string{"VIRTUAL_ENV", "CONDA_PREFIX"} {
		if dir := os.Getenv(name); dir != "" {
			add("Python in "+name, newestFirst(filepath.Join(dir, "lib", "python3*", "site-packages", "onnxruntime", "capi"))...)
		}
	}
	if home, err := os.UserHomeDir(); err == nil {
		add("user's Python", newestFirst(filepath.Join(home, ".local", "lib", "python3*", "site-packages", "onnxruntime", "capi"))...)
	}
	arch := map[string]string{"amd64": "x64"}[goruntime.GOARCH]
	if arch == "" {
		arch = goruntime.GOARCH
	}
	add("node_modules", newestFirst(filepath.Join("node_modules", "onnxruntime-node", "bin", "napi-v*", goruntime.GOOS, arch))...)
	system := []string{"/usr/local/lib", "/usr/lib64", "/usr/lib", "/opt/homebrew/lib"}
	add("system", append(system, newestFirst("/usr/lib/*-linux-gnu")...)...)
	return out
}

// newestFirst globs folders; those whose last number is highest come first.
func newestFirst(pattern string) []string {
	found, _ := filepath.Glob(pattern) // the patterns here are well formed
	slices.SortStableFunc(found, func(a, b string) int { return compareVersions(b, a) })
	return found
}

// compareVersions orders names by the numbers in them: 1.9 before 1.10.
func compareVersions(a, b string) int {
	x, y := numbers(a), numbers(b)
	return slices.Compare(x, y)
}

func numbers(s string) []int {
	var out []int
	n, in := 0, false
	for _, r := range s + " " {
		if r >= '0' && r <= '9' {
			n, in = n*10+int(r-'0'), true
		} else if in {
			out, n, in = append(out, n), 0, false
		}
	}
	return out
}

func inFolder(dir, source string) []Candidate {
	var found []string
	for _, p := range patterns[goruntime.GOOS] {
		matches, _ := filepath.Glob(filepath.Join(dir, p))
		found = append(found, matches...)
	}
	slices.SortStableFunc(found, func(a, b string) int { return compareVersions(filepath.Base(b), filepath.Base(a)) })
	var out []Candidate
	for _, f := range found {
		out = append(out, Candidate{Path: f, Source: source})
	}
	return out
}

// CacheDir is the folder of installed libraries, one folder for each version.
func CacheDir() (string, error) {
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("ort: %w", err)
	}
	return filepath.Join(dir, "fmtool", "ort"), nil
}

// HasCUDA reports that the CUDA provider lies beside the library.
func (c Candidate) HasCUDA() bool {
	found, _ := filepath.Glob(filepath.Join(filepath.Dir(c.Path), "*onnxruntime_providers_cuda*"))
	return len(found) > 0
}

// look refuses paths that cannot be a library, before anything is opened.
func (c Candidate) look() error {
	if !strings.ContainsRune(c.Path, filepath.Separator) {
		return nil // a bare name, for the loader to resolve
	}
	info, err := os.Stat(c.Path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return errors.New("no such file")
	case err != nil:
		return err
	case !info.Mode().IsRegular():
		return errors.New("not a regular file")
	}
	return nil
}

// NotFoundError lists every candidate and why it was not used.
type NotFoundError struct{ Tried []Candidate }

func (e *NotFoundError) Error() string {
	parts := []string{"ort: no usable onnxruntime (need ≥ " + MinVersion + "); get one with: fmtool ort install"}
	for _, c := range e.Tried {
		parts = append(parts, fmt.Sprintf("%s (%s): %v", c.Path, c.Source, c.Err))
	}
	return strings.Join(parts, "; ")
}
