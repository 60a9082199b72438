//go:build cgo && linux

package ort_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	binding "github.com/yalue/onnxruntime_go"

	"fmtool/models/graph"
	"fmtool/models/onnx"
	"fmtool/models/tensor"
	"fmtool/runtime/engine"
	"fmtool/runtime/ort"
)

// TestMain also serves as the program that the tests below watch.
func TestMain(m *testing.M) {
	switch os.Getenv("FMTOOL_TEST_CHILD") {
	case "sample":
		child(func() error {
			e, err := ort.New("")
			if err != nil {
				return err
			}
			return compute(e)
		})
	case "bare": // the library as it comes
		child(func() error {
			binding.SetSharedLibraryPath(os.Getenv("FMTOOL_ORT_LIB"))
			return binding.InitializeEnvironment()
		})
	}
	os.Exit(m.Run())
}

func child(f func() error) {
	if err := f(); err != nil {
		_, _ = os.Stderr.WriteString(err.Error())
		os.Exit(1)
	}
	time.Sleep(2 * time.Second) // what reports in the background gets its chance
	os.Exit(0)
}

func tiny() ([]byte, error) {
	b := graph.NewBuilder("tiny")
	x := b.Input("x", tensor.Float32, graph.Fix(2))
	b.Output("y", b.Neg(x))
	g, err := b.Graph()
	if err != nil {
		return nil, err
	}
	m, err := onnx.FromGraph(g, onnx.Wide, nil)
	if err != nil {
		return nil, err
	}
	return m.Marshal(), nil
}

func compute(e engine.Engine) error {
	file, err := tiny()
	if err != nil {
		return err
	}
	p, err := e.Open(file, engine.Options{})
	if err != nil {
		return err
	}
	y := tensor.New(tensor.Float32, 2)
	for range 100 {
		if err := p.Run(context.Background(), []tensor.Tensor{tensor.Of([]float32{1, 2}, 2)}, []tensor.Tensor{y}); err != nil {
			return err
		}
	}
	return p.Close()
}

// watch intercepts socket() and appends a letter to the file $SOCKETS for each call.
const watch = `
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>
int socket(int domain, int type, int protocol) {
	int f = open(getenv("SOCKETS"), O_WRONLY | O_CREAT | O_APPEND, 0600);
	if (f >= 0) { if (write(f, "s", 1) < 0) abort(); close(f); }
	int (*real)(int, int, int) = (int (*)(int, int, int))dlsym(RTLD_NEXT, "socket");
	return real(domain, type, protocol);
}
`

// trace runs this test binary as a child with an empty home and returns the files it left and the number of sockets it opened.
func trace(t *testing.T, mode, library string) (files []string, sockets int) {
	t.Helper()
	dir := t.TempDir()
	home, log := filepath.Join(dir, "home"), filepath.Join(dir, "sockets")
	source, preload := filepath.Join(dir, "watch.c"), filepath.Join(dir, "watch.so")
	if err := os.WriteFile(source, []byte(watch), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("gcc", "-shared", "-fPIC", "-o", preload, source, "-ldl").CombinedOutput(); err != nil {
		t.Fatalf("gcc: %v %s", err, out)
	}
	for _, d := range []string{"tmp", "work"} {
		if err := os.MkdirAll(filepath.Join(home, d), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe)
	cmd.Dir = filepath.Join(home, "work")
	cmd.Env = []string{"FMTOOL_TEST_CHILD=" + mode, "FMTOOL_ORT_LIB=" + library, "HOME=" + home, "TMPDIR=" + filepath.Join(home, "tmp"),
		"XDG_CACHE_HOME=" + filepath.Join(home, "cache"), "LD_PRELOAD=" + preload, "SOCKETS=" + log, "PATH=" + os.Getenv("PATH")}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v: %s", mode, err, out)
	}
	if err := filepath.WalkDir(home, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			files = append(files, strings.TrimPrefix(path, home))
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	calls, err := os.ReadFile(log)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return files, len(calls)
}

// libraries are the releases that `fmtool ort install` has put into the cache folder, by version.
func libraries(t *testing.T) map[string]string {
	t.Helper()
	cache, err := ort.CacheDir()
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, version := range ort.Releases() {
		if found, _ := filepath.Glob(filepath.Join(cache, version, "libonnxruntime.so*")); len(found) > 0 {
			out[version] = found[0]
		}
	}
	return out
}

func need(t *testing.T, versions ...string) map[string]string {
	t.Helper()
	have := libraries(t)
	for _, v := range versions {
		if have[v] == "" {
			if os.Getenv("CI") == "true" {
				t.Fatalf("run: fmtool ort install --version %s", v)
			}
			t.Skipf("run: fmtool ort install --version %s", v)
		}
	}
	return have
}

// Sampling opens no socket and writes no file, with every release; the newest one, left to itself, would do the one or the other.
func TestQuiet(t *testing.T) {
	have := need(t, "1.32.0")
	for version, library := range have {
		if files, sockets := trace(t, "sample", library); len(files) > 0 || sockets > 0 {
			t.Errorf("onnxruntime %s: %d sockets, files %v", version, sockets, files)
		}
	}
	if files, sockets := trace(t, "bare", have["1.32.0"]); len(files)+sockets == 0 {
		t.Error("onnxruntime 1.32.0 left no trace even with telemetry on: this test can no longer fail")
	} else {
		t.Logf("with telemetry onnxruntime 1.32.0 opens %d sockets and leaves %v", sockets, files)
	}
}

// The oldest release the binding takes and the newest both run the suite.
func TestReleases(t *testing.T) {
	for version, library := range need(t, "1.24.4", "1.32.0") {
		exe, err := os.Executable()
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(exe, "-test.run", "^TestEngine$", "-test.v")
		cmd.Env = append(os.Environ(), "FMTOOL_ORT_LIB="+library)
		out, err := cmd.CombinedOutput()
		if err != nil || !strings.Contains(string(out), "--- PASS: TestEngine/Formula") {
			t.Errorf("onnxruntime %s: %v\n%s", version, err, out)
		}
	}
}

// Every candidate and why it was not used stands in the error, in one line; a library that is asked for is never replaced by another.
func TestRefusals(t *testing.T) {
	dir := t.TempDir()
	text := filepath.Join(dir, "libonnxruntime.so.1")
	if err := os.WriteFile(text, []byte("no library"), 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{filepath.Join(dir, "none.so"): "no such file", dir: "not a regular file", text: "libonnxruntime.so.1"} {
		exe, err := os.Executable()
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(exe)
		cmd.Env = append(os.Environ(), "FMTOOL_TEST_CHILD=sample", "FMTOOL_ORT_LIB="+path)
		out, err := cmd.CombinedOutput()
		if err == nil || !strings.Contains(string(out), want) || !strings.Contains(string(out), "fmtool ort install") || strings.Contains(string(out), "\n") {
			t.Errorf("%s: %v: %s", path, err, out)
		}
	}
}
