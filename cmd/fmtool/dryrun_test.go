package main

import (
	"encoding/json"
	"os"
	"regexp"
	"strconv"
	"testing"

	"fmtool/train"
)

// A dry run prints the bytes on paper, on a line of its own and as JSON, and writes nothing.
func TestDryRunWritesNothing(t *testing.T) {
	t.Chdir(t.TempDir())
	text, _, failed := run("train", "moons:n=300", "--dry-run")
	if failed != "" {
		t.Fatal(failed)
	}
	found := regexp.MustCompile(`(?m)^memory.*?(\d+) bytes`).FindStringSubmatch(text)
	if found == nil {
		t.Fatalf("no line of memory in\n%s", text)
	}
	printed, _, failed := run("train", "moons:n=300", "--dry-run", "--json")
	var b train.Budget
	if err := json.Unmarshal([]byte(printed), &b); err != nil || failed != "" {
		t.Fatal(err, failed)
	}
	if b.Memory.Paper == 0 || found[1] != strconv.Itoa(b.Memory.Paper) {
		t.Errorf("%s bytes on the line, %d as JSON", found[1], b.Memory.Paper)
	}
	if list, err := os.ReadDir("."); err != nil || len(list) > 0 {
		t.Errorf("it leaves %v (%v)", list, err)
	}
}
