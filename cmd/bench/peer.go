package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// errAbsent says that a candidate is not installed.
var errAbsent = errors.New("not installed")

// patience is how long a peer may take to answer; compiling a network takes a minute.
const patience = 5 * time.Minute

// peer is a program of testdata/peers that runs; see protocol.py.
type peer struct {
	name     string
	cmd      *exec.Cmd
	in       *json.Encoder
	out      *bufio.Scanner
	stderr   *bytes.Buffer
	versions map[string]string
}

type request struct {
	Op      string  `json:"op"`
	Case    any     `json:"case,omitempty"`
	Seconds float64 `json:"seconds,omitempty"`
}

type reply struct {
	sample
	Versions map[string]string `json:"versions"`
	Absent   string            `json:"absent"`
	Error    string            `json:"error"`
}

// startPeer runs a script with a Python and asks what it found. An error that is errAbsent says that it cannot run here.
func startPeer(ctx context.Context, python, script string, threads int) (*peer, error) {
	if _, err := exec.LookPath(python); err != nil {
		return nil, fmt.Errorf("%w: %s is missing", errAbsent, filepath.Base(filepath.Dir(python))+"/"+filepath.Base(python))
	}
	p := &peer{name: filepath.Base(script), cmd: exec.CommandContext(ctx, python, script), stderr: &bytes.Buffer{}}
	n := strconv.Itoa(threads)
	p.cmd.Env = append(os.Environ(), "OMP_NUM_THREADS="+n, "OPENBLAS_NUM_THREADS="+n, "MKL_NUM_THREADS="+n,
		"ORT_DISABLE_TELEMETRY=1", "PYTHONDONTWRITEBYTECODE=1")
	p.cmd.Stderr = p.stderr
	in, err := p.cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := p.cmd.Start(); errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
		return nil, fmt.Errorf("%w: %v", errAbsent, err)
	} else if err != nil {
		return nil, err
	}
	p.in, p.out = json.NewEncoder(in), bufio.NewScanner(out)
	r, err := p.ask(request{Op: "hello"})
	p.versions = r.Versions
	if err != nil {
		p.stop()
		return nil, err
	}
	return p, nil
}

// ask sends a request and waits for its answer.
func (p *peer) ask(q request) (r reply, err error) {
	timer := time.AfterFunc(patience, func() { p.cmd.Process.Kill() }) //nolint:errcheck // the answer fails then
	defer timer.Stop()
	if err := p.in.Encode(q); err != nil {
		return r, p.broken(err)
	}
	if !p.out.Scan() {
		return r, p.broken(p.out.Err())
	}
	if err := json.Unmarshal(p.out.Bytes(), &r); err != nil {
		return r, p.broken(err)
	}
	switch {
	case r.Absent != "":
		return r, fmt.Errorf("%w: %s", errAbsent, r.Absent)
	case r.Error != "":
		return r, fmt.Errorf("%s: %s", p.name, r.Error)
	}
	return r, nil
}

// broken is the end of a conversation, with the last line that the program said about it.
func (p *peer) broken(err error) error {
	p.cmd.Process.Kill() //nolint:errcheck // it may have ended
	p.cmd.Wait()         //nolint:errcheck // its last line says why
	lines := strings.Split(strings.TrimSpace(p.stderr.String()), "\n")
	return fmt.Errorf("%s ended (%v): %s", p.name, err, lines[len(lines)-1])
}

func (p *peer) stop() {
	p.cmd.Process.Kill() //nolint:errcheck // it may have ended
	p.cmd.Wait()         //nolint:errcheck // killed
}

// remote is work of a peer.
type remote struct {
	*peer
	params any
}

func (p *peer) open(params any) (work, error) {
	_, err := p.ask(request{Op: "open", Case: params})
	return remote{p, params}, err
}

func (r remote) slice(seconds float64) (sample, error) {
	a, err := r.ask(request{Op: "slice", Case: r.params, Seconds: seconds})
	return a.sample, err
}

func (r remote) close() { r.ask(request{Op: "close", Case: r.params}) } //nolint:errcheck // it only frees
