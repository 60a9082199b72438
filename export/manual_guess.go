package export

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"
)

// guesses are what names mean in other people's models, the first that fits.
var guesses = []struct {
	name    *regexp.Regexp
	element string // of the types that fit, "" for any
	meaning string
	fill    fill
}{
	{regexp.MustCompile(`(?i)^(t|time|times|timesteps?|time_?steps?)$`), "", "the time of each row; which end is noise the file does not tell", fill{value: "0"}},
	{regexp.MustCompile(`(?i)^(sigmas?|noise_?level|log_?snr)$`), "float", "the noise level", fill{value: "1"}},
	{regexp.MustCompile(`(?i)^(y|labels?|class(es)?|class_labels)$`), "int", "the class of each row", fill{value: "0"}},
	{regexp.MustCompile(`(?i)^(y|c|cond(ition)?(ing)?|context|encoder_hidden_states)$`), "float", "what the rows are conditioned on", normal},
	{regexp.MustCompile(`(?i)^(x|xt|x_t|x0|samples?|latents?|noise|noisy.*|inputs?)$`), "float", "points or noise, a row each", normal},
	{regexp.MustCompile(`(?i)^(seed)$`), "int", "the seed", fill{value: "0"}},
	{regexp.MustCompile(`(?i)^(steps|num_steps|n_steps)$`), "int", "the number of steps", fill{value: "10"}},
	{regexp.MustCompile(`(?i)^(v|u|velocity|vector_field|drift|flow)$`), "float", "a velocity", normal},
	{regexp.MustCompile(`(?i)^(eps|epsilon|noise_pred.*)$`), "float", "predicted noise", normal},
	{regexp.MustCompile(`(?i)^(logits?)$`), "float", "logits", normal},
}

// guess sets a meaning from name and type.
func (p *Port) guess(inputs []Port) {
	if strings.HasPrefix(p.Type, "float") {
		p.fill = normal
	}
	for _, g := range guesses {
		if g.name.MatchString(p.Name) && strings.Contains(p.Type, g.element) {
			p.Meaning, p.Guess, p.fill = g.meaning, true, g.fill
			return
		}
	}
	for _, in := range inputs {
		if in.Name != p.Name && len(in.Dims) > 1 && in.Type == p.Type && slices.Equal(in.Dims, p.Dims) && in.Meaning != "" {
			p.Meaning, p.Guess = "of the shape of "+in.Name, true
			return
		}
	}
	if len(p.lengths) > 0 && p.lengths[0].Times > 0 {
		p.Meaning, p.Guess = "a row each along the first dimension", true
	}
}

// Declaration is a command that makes a stranger's file a velocity field here, if its inputs look like one's: its settings are guesses. "" otherwise.
func (m Manual) Declaration() string {
	if m.spec != nil {
		return ""
	}
	find := func(list []Port, fits func(Port) bool) string {
		if i := slices.IndexFunc(list, fits); i >= 0 {
			return list[i].Name
		}
		return ""
	}
	at := find(m.Inputs, func(p Port) bool { return strings.HasPrefix(p.Meaning, "the time") })
	var x Port
	for _, p := range m.Inputs {
		if p.Name != at && strings.HasPrefix(p.Type, "float") && len(p.Dims) > 1 && x.Name == "" {
			x = p
		}
	}
	u := find(m.Outputs, func(p Port) bool {
		return p.Type == x.Type && len(p.Dims) == len(x.Dims) && slices.Equal(p.Dims[1:], x.Dims[1:])
	})
	if at == "" || x.Name == "" || u == "" || strings.ContainsFunc(x.Name+at+u+m.name, unicode.IsControl) {
		return ""
	}
	return fmt.Sprintf("fmtool declare %s -o model.onnx --input-x %s --input-t %s --output-u %s --time-range 0:1",
		quoted(m.name), quoted(x.Name), quoted(at), quoted(u))
}

// plainWord is a word that no shell reads otherwise.
var plainWord = regexp.MustCompile(`^[A-Za-z0-9_./:-]+$`)

// quoted is a word for a shell, whatever a file calls its values.
func quoted(word string) string {
	if plainWord.MatchString(word) {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
