package data

import (
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

// A text of the limit's length is read whole; a longer one is an error, however it comes in.
func TestBounded(t *testing.T) {
	for text, fits := range map[string]bool{"": true, "1234": true, "12345": true, "123456": false, "1234567890": false} {
		for name, r := range map[string]io.Reader{"at once": strings.NewReader(text), "by bytes": iotest.OneByteReader(strings.NewReader(text))} {
			got, err := io.ReadAll(&bounded{r, 5})
			if fits && (err != nil || string(got) != text) || !fits && err == nil {
				t.Errorf("%q %s: %q, %v", text, name, got, err)
			}
		}
	}
}
