package main

import (
	"bytes"
	"context"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"fmtool/models/flow"
	"fmtool/models/graph"
	"fmtool/models/onnx"
	"fmtool/models/tensor"
	"fmtool/runtime/ort/orttest"
)

// run executes the command line and returns its output, what it said, and its error as the user sees it.
func run(args ...string) (out, talk, failure string) {
	var o, e bytes.Buffer
	cmd := root()
	cmd.SetArgs(args)
	cmd.SetOut(&o)
	cmd.SetErr(&e)
	if err := cmd.ExecuteContext(context.Background()); err != nil {
		failure = oneLine(err)
	}
	return o.String(), e.String(), failure
}

// small is a trained and exported model of moons, in a folder of its own; more are further flags of the training.
func small(t *testing.T, more ...string) (dir, model string) {
	t.Helper()
	dir = t.TempDir()
	model = filepath.Join(dir, "model.onnx")
	args := []string{"train", "moons:n=300", "-o", filepath.Join(dir, "run"), "--steps", "20", "--batch", "32", "--width", "8"}
	if _, _, err := run(append(args, more...)...); err != "" {
		t.Fatal(err)
	}
	if _, _, err := run("export", model, "--run", filepath.Join(dir, "run"), "--parity", "native"); err != "" {
		t.Fatal(err)
	}
	return dir, model
}

// Every mistake gets one clear line that says what to do, and leaves nothing half-written.
func TestMistakes(t *testing.T) {
	dir, model := small(t)
	_, plain := small(t, "--unconditional")
	_, kept := small(t, "--label-drop", "0")
	_, fromData := small(t, "--unconditional", "--source", "moons:n=100")
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	good, err := os.ReadFile(model)
	if err != nil {
		t.Fatal(err)
	}
	flipped := bytes.Clone(good)
	flipped[len(flipped)/2] ^= 0xff
	flipped[3] ^= 0x5a
	out := filepath.Join(dir, "out.csv")
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"unknown command":       {[]string{"trian"}, `unknown command "trian"`},
		"unknown flag":          {[]string{"sample", model, "--step", "5"}, "did you mean --steps"},
		"no data":               {[]string{"train"}, "fmtool train digits"},
		"missing file":          {[]string{"train", filepath.Join(dir, "none.csv")}, "no such file"},
		"empty file":            {[]string{"train", write("empty.csv", "")}, "empty"},
		"ragged CSV":            {[]string{"train", write("ragged.csv", "a,b\n1,2\n3\n")}, "line 3"},
		"text in a column":      {[]string{"train", write("text.csv", "a,b\n1,x\n")}, `line 2, column "b"`},
		"NaN":                   {[]string{"train", write("nan.csv", "a,b\n1,NaN\n")}, "line 2"},
		"Inf":                   {[]string{"train", write("inf.csv", "a,b\n1,+Inf\n")}, "line 2"},
		"constant columns":      {[]string{"train", write("const.csv", "a,b\n"+strings.Repeat("1,2\n", 300)), "-o", filepath.Join(dir, "c")}, "constant"},
		"fewer rows than batch": {[]string{"train", write("few.csv", "a\n1\n2\n3\n"), "-o", filepath.Join(dir, "f")}, "--batch"},
		"unknown column":        {[]string{"train", write("ab.csv", "alpha,beta\n1,2\n"), "--columns", "alhpa"}, `did you mean "alpha"`},
		"unknown data set":      {[]string{"train", "mons"}, `did you mean "moons"`},
		"unknown schedule":      {[]string{"train", "moons", "--schedule", "cosin"}, `did you mean "cosine"`},
		"schedule of one point": {[]string{"train", "moons", "--schedule", "points:0,0,1"}, "2 to 256"},
		"unknown prediction":    {[]string{"train", "moons", "--prediction", "nois"}, `did you mean "noise"`},
		"unknown loss":          {[]string{"train", "moons", "--loss", "squard"}, `did you mean "squared"`},
		"loss in nothing":       {[]string{"train", "moons", "--loss-in", "x2"}, `did you mean "x1"`},
		"unknown weight":        {[]string{"train", "moons", "--weight", "sigmod"}, `did you mean "sigmoid"`},
		"unknown times":         {[]string{"train", "moons", "--times", "betta"}, `did you mean "beta"`},
		"times of no shape":     {[]string{"train", "moons", "--times", "beta:0,1"}, "from 0.05 to 50"},
		"grid at random":        {[]string{"train", "moons", "--grid", "stratified"}, "quantiles already"},
		"weight of a column":    {[]string{"train", "moons", "--column-weights", "x=-1"}, "positive"},
		"weight of text":        {[]string{"train", "moons", "--column-weights", "x=much"}, "no number"},
		"weight of no column":   {[]string{"train", "moons:n=300", "--column-weights", "height=2", "-o", filepath.Join(dir, "w")}, "unknown column"},
		"unknown activation":    {[]string{"train", "moons", "--activation", "slu"}, `did you mean "silu"`},
		"unknown normaliser":    {[]string{"train", "moons", "--normaliser", "colum"}, `did you mean "column"`},
		"run exists":            {[]string{"train", "moons:n=300", "-o", filepath.Join(dir, "run")}, "holds a run"},
		"resume nothing":        {[]string{"train", "--resume", filepath.Join(dir, "nowhere")}, "holds no run"},
		"not a model":           {[]string{"sample", write("text.onnx", "hello"), "--engine", "native"}, "onnx"},
		"truncated model":       {[]string{"sample", write("half.onnx", string(good[:len(good)/2])), "--engine", "native"}, "onnx"},
		"flipped model":         {[]string{"sample", write("flip.onnx", string(flipped)), "--engine", "native"}, "flip.onnx"},
		"empty model":           {[]string{"sample", write("zero.onnx", "")}, "empty"},
		"missing model":         {[]string{"sample", filepath.Join(dir, "no.onnx")}, "no such file"},
		"no velocity field":     {[]string{"sample", notVelocity(t, dir), "--engine", "native"}, "not a velocity field"},
		"undeclared network":    {[]string{"sample", notVelocity(t, dir), "--engine", "native"}, "fmtool declare"},
		"network without time":  {[]string{"sample", notVelocity(t, dir), "--input-x", "image", "--engine", "native"}, `no input "t" is left for input-t`},
		"declared twice":        {[]string{"evaluate", model, "moons:n=9", "--time-range", "1:0"}, "needs no declaration"},
		"declared to nothing":   {[]string{"declare", model}, "-o MODEL.onnx"},
		"declared as nothing":   {[]string{"declare", notVelocity(t, dir), "-o", out, "--prediction", "eps"}, "unknown prediction"},
		"unknown grid":          {[]string{"sample", model, "--grid", "bata", "--engine", "native"}, `did you mean "beta"`},
		"grid of drawn times":   {[]string{"sample", model, "--grid", "stratified", "--engine", "native"}, "quantiles already"},
		"shift of no sign":      {[]string{"sample", model, "--shift", "-2", "--engine", "native"}, "more steps near the noise"},
		"steps at one time":     {[]string{"sample", model, "--grid", "beta:0.05,0.05", "--engine", "native"}, "fewer steps"},
		"unknown path":          {[]string{"sample", model, "--schedule", "cosin", "--engine", "native"}, `did you mean "cosine"`},
		"unknown solver":        {[]string{"sample", model, "--solver", "eular"}, `did you mean "euler"`},
		"unknown engine":        {[]string{"sample", model, "--engine", "otr"}, `did you mean "ort"`},
		"class of no classes":   {[]string{"sample", model, "--class", "sun"}, "unknown class"},
		"numbers for classes":   {[]string{"sample", model, "--condition", "1,2"}, "conditioned on labels"},
		"label and condition":   {[]string{"train", write("lc.csv", "a,b,c\n1,2,3\n"), "--label", "a", "--condition", "b"}, "exclude each other"},
		"block beyond batch":    {[]string{"train", "moons:n=300", "--coupling", "ot", "--ot-block", "512", "--batch", "64"}, "block larger than the batch of 64"},
		"block without ot":      {[]string{"train", "moons:n=300", "--ot-block", "32"}, "coupling ot"},
		"epsilon of ot":         {[]string{"train", "moons:n=300", "--coupling", "ot", "--ot-epsilon", "0.1"}, "want coupling sinkhorn"},
		"ratio of classes":      {[]string{"train", "moons:n=300", "--coupling", "c2ot", "--ot-ratio", "0.1"}, "name condition columns"},
		"reflow of a column":    {[]string{"train", "--reflow", filepath.Join(dir, "run"), "--label", "y"}, "label and condition out"},
		"samples without class": {[]string{"sample", kept, "--engine", "native"}, "--label-drop"},
		"denoise without class": {[]string{"denoise", kept, "moons:n=10", "--time", "0.5", "--unconditional", "--engine", "native"}, "--label-drop"},
		"unknown coupling":      {[]string{"train", "moons:n=300", "--coupling", "sinkhon"}, `did you mean "sinkhorn"`},
		"c2ot unconditionally":  {[]string{"train", "moons:n=300", "--coupling", "c2ot", "--unconditional"}, "needs a condition"},
		"pairs of other length": {[]string{"train", "moons:n=300", "--pairs", "circles:n=299"}, "299 rows"},
		"source of other width": {[]string{"train", "moons:n=300", "--source", "digits"}, "64 numbers"},
		"reflow with data":      {[]string{"train", "moons", "--reflow", filepath.Join(dir, "run")}, "leave data"},
		"reflow of nothing":     {[]string{"train", "--reflow", filepath.Join(dir, "nowhere")}, "holds no run"},
		"pairs of no model":     {[]string{"train", "moons", "--reflow-pairs", "50"}, "--reflow RUN"},
		"sigma and x1":          {[]string{"train", "moons", "--sigma", "0.1", "--prediction", "x1"}, "path noise"},
		"unknown source":        {[]string{"train", "moons:n=300", "--source", "mons"}, `did you mean "moons"`},
		"no samples":            {[]string{"sample", model, "-n", "0", "--engine", "native"}, "positive"},
		"no steps":              {[]string{"sample", model, "--steps", "0", "--engine", "native"}, "positive"},
		"output of no kind":     {[]string{"sample", model, "-o", filepath.Join(dir, "a.gif"), "--engine", "native"}, ".csv, .npy or .png"},
		"output exists":         {[]string{"sample", model, "-o", model, "--engine", "native"}, "--force"},
		"no folder for output":  {[]string{"sample", model, "-o", filepath.Join(dir, "no", "a.csv"), "--engine", "native"}, "no such file"},
		"cuda on native":        {[]string{"sample", model, "--engine", "native", "--provider", "cuda"}, "--engine ort"},
		"no complete run":       {[]string{"export", filepath.Join(dir, "x.onnx"), "--run", dir, "--parity", "native"}, "holds no run"},
		"unknown profile":       {[]string{"export", filepath.Join(dir, "x.onnx"), "--run", filepath.Join(dir, "run"), "--profile", "wid"}, `did you mean "wide"`},
		"raw training step":     {[]string{"export", filepath.Join(dir, "x.onnx"), "--run", filepath.Join(dir, "run"), "--graph", "train_step", "--raw"}, "leave --raw out"},
		"weights of a step":     {[]string{"export", filepath.Join(dir, "x.onnx"), "--run", filepath.Join(dir, "run"), "--graph", "train_step", "--sidecar"}, "leave --sidecar out"},
		"guided training step":  {[]string{"export", filepath.Join(dir, "x.onnx"), "--run", filepath.Join(dir, "run"), "--graph", "train_step", "--guidance", "--parity", "native"}, "training has no guidance"},
		"solver of a step":      {[]string{"export", filepath.Join(dir, "x.onnx"), "--run", filepath.Join(dir, "run"), "--graph", "train_step", "--unroll", "4", "--parity", "native"}, "has no solver"},
		"weights of no run":     {[]string{"import-weights", filepath.Join(dir, "nowhere"), model, "-o", filepath.Join(dir, "y")}, "holds no run"},
		"weights that are none": {[]string{"import-weights", filepath.Join(dir, "run"), model, "-o", filepath.Join(dir, "y")}, "not a weights file"},
		"sampling a step":       {[]string{"sample", trainStep(t, dir), "--engine", "native"}, "a train_step, not a velocity field"},
		"unknown parity":        {[]string{"verify", model, "--parity", "nativ"}, `did you mean "native"`},
		"JSON of a run":         {[]string{"train", "moons", "--json"}, "--dry-run"},
		"resume with settings":  {[]string{"train", "--resume", filepath.Join(dir, "run"), "--steps", "50", "--rate", "0.1"}, "leave --rate, --steps out"},
		"fewer than no samples": {[]string{"sample", model, "--per-class", "-3", "--engine", "native"}, "positive"},
		"two numbers of rows":   {[]string{"sample", model, "--per-class", "3", "-n", "5", "--engine", "native"}, "exclude each other"},
		"too many samples":      {[]string{"sample", model, "-n", "1000000000000000000", "--engine", "native"}, "--offset"},
		"too many of a class":   {[]string{"sample", model, "--per-class", "5000000000000000000", "--engine", "native"}, "--offset"},
		"images beside points":  {[]string{"sample", model, "--beside", "digits", "-o", filepath.Join(dir, "a.png"), "--engine", "native"}, "64 numbers"},
		"tf32 without cuda":     {[]string{"sample", model, "--tf32", "--engine", "native"}, "--provider cuda"},
		"no bfloat16":           {[]string{"export", filepath.Join(dir, "x.onnx"), "--run", filepath.Join(dir, "run"), "--profile", "bf16"}, "no CPU kernel that computes in bfloat16"},
		"unknown graph":         {[]string{"export", filepath.Join(dir, "x.onnx"), "--run", filepath.Join(dir, "run"), "--parity", "native", "--graph", "sampel"}, `did you mean "sample`},
		"velocity has no steps": {[]string{"export", filepath.Join(dir, "x.onnx"), "--run", filepath.Join(dir, "run"), "--parity", "native", "--unroll", "8"}, "takes no steps and has no solver"},
		"unknown divergence":    {[]string{"export", filepath.Join(dir, "x.onnx"), "--run", filepath.Join(dir, "run"), "--parity", "native", "--graph", "logprob", "--divergence", "exct"}, `did you mean "exact"`},
		"divergence of samples": {[]string{"export", filepath.Join(dir, "x.onnx"), "--run", filepath.Join(dir, "run"), "--parity", "native", "--graph", "sampler", "--divergence", "exact"}, "export a logprob"},
		"density from a source": {[]string{"export", filepath.Join(dir, "x.onnx"), "--run", filepath.Join(filepath.Dir(fromData), "run"), "--parity", "native", "--graph", "logprob"}, "starts at rows of a data set"},
		"adaptive with steps":   {[]string{"export", filepath.Join(dir, "x.onnx"), "--run", filepath.Join(dir, "run"), "--parity", "native", "--graph", "sampler", "--adaptive", "--solver", "heun"}, "has its own method"},
		"unroll nothing":        {[]string{"export", filepath.Join(dir, "x.onnx"), "--run", filepath.Join(dir, "run"), "--parity", "native", "--graph", "sampler", "--unroll", "0"}, "want at least 1 step"},
		"profile of native":     {[]string{"sample", model, "--profile", filepath.Join(dir, "p"), "--engine", "native"}, "onnxruntime"},
		"less than no threads":  {[]string{"sample", model, "--threads", "-1", "--engine", "native"}, "threads"},
		"export to no folder":   {[]string{"export", filepath.Join(dir, "no", "m.onnx"), "--run", filepath.Join(dir, "gone"), "--parity", "native"}, "no such file"},
		"export to a folder":    {[]string{"export", dir, "--force", "--run", filepath.Join(dir, "gone"), "--parity", "native"}, "is no part of a bundle and would be lost"},
		"bundle over files":     {[]string{"export", dir, "--run", filepath.Join(dir, "run"), "--parity", "native"}, "is not empty; use --force"},
		"bundle of one graph":   {[]string{"export", filepath.Join(dir, "b") + "/", "--graph", "sample"}, "leave --graph out, or name a file.onnx"},
		"bundle of no steps":    {[]string{"export", filepath.Join(dir, "b") + "/", "--adaptive"}, "leave --adaptive out"},
		"bundle in no folder":   {[]string{"export", filepath.Join(dir, "no", "b") + "/", "--run", filepath.Join(dir, "run")}, "no such file"},
		"bundle over a file":    {[]string{"export", model + "/", "--force", "--run", filepath.Join(dir, "run")}, "not a directory"},
		"no library":            {[]string{"doctor", "--json", "--ort-lib", filepath.Join(dir, "none.so")}, "onnxruntime"},
		"unknown metric":        {[]string{"evaluate", model, "moons", "--metrics", "w3"}, "unknown metric"},
		"picture of a way":      {[]string{"sample", model, "--trajectory", "-o", filepath.Join(dir, "w.png"), "--engine", "native"}, ".csv or .npy"},
		"way back":              {[]string{"sample", model, "--trajectory", "--reverse", "moons", "--engine", "native"}, "leave --reverse"},
		"tolerance of Euler":    {[]string{"sample", model, "--rtol", "1e-3", "--engine", "native"}, "--solver euler takes --steps"},
		"steps and tolerance":   {[]string{"sample", model, "--solver", "dopri5", "--steps", "5", "--atol", "1e-3", "--engine", "native"}, "exclude each other"},
		"grid of chosen steps":  {[]string{"sample", model, "--solver", "dopri5", "--shift", "3", "--engine", "native"}, "add --steps"},
		"no tolerance":          {[]string{"sample", model, "--solver", "bosh3", "--rtol", "-1", "--engine", "native"}, "positive"},
		"noise of no rows":      {[]string{"sample", model, "--reverse", filepath.Join(dir, "none.csv"), "--engine", "native"}, "no such file"},
		"noise of other rows":   {[]string{"sample", model, "--reverse", "digits", "--engine", "native"}, "dimensions"},
		"count of given rows":   {[]string{"sample", model, "--reverse", "moons", "-n", "3", "--engine", "native"}, "leave -n out"},
		"seed of given rows":    {[]string{"sample", model, "--reverse", "moons", "--seed", "3", "--engine", "native"}, "leave --seed out"},
		"graph looking back":    {[]string{"export", filepath.Join(dir, "s.onnx"), "--run", filepath.Join(dir, "run"), "--graph", "sampler", "--solver", "ab2", "--parity", "native"}, "looks back"},
		"unknown curve solver":  {[]string{"evaluate", model, "moons", "--solvers", "eular"}, `did you mean "euler"`},
		"too few true rows":     {[]string{"evaluate", model, "moons:n=100", "-n", "51", "--engine", "native"}, "at most 50 samples"},
		"other dimensions":      {[]string{"evaluate", model, "digits", "--engine", "native"}, "choose the model's columns"},
		"classes not in data":   {[]string{"evaluate", model, "swissroll", "--engine", "native"}, "--label"},
		"no seeds":              {[]string{"evaluate", model, "moons", "--seeds", "0"}, "positive"},
		"plot of no curve":      {[]string{"evaluate", model, "moons", "--solvers", "none", "--plot", "q.png"}, "--plot draws"},
		"plot of no kind":       {[]string{"evaluate", model, "moons", "--plot", filepath.Join(dir, "q.gif")}, ".png or .svg"},
		"unknown protocol":      {[]string{"reproduce", "tong2d"}, `did you mean "tong-2d"`},
		"fewer than no seeds":   {[]string{"reproduce", "c2ot", "--seeds", "-1"}, "positive"},
		"results of no kind":    {[]string{"reproduce", "c2ot", "-o", filepath.Join(dir, "text.onnx")}, "holds no results"},
		"plot of nothing":       {[]string{"plot", filepath.Join(dir, "gone")}, "no such file"},
		"plot of a folder":      {[]string{"plot", dir, "-o", filepath.Join(dir, "p.png")}, "holds no run"},
		"plot as a gif":         {[]string{"plot", model, "-o", filepath.Join(dir, "p.gif")}, ".png or .svg"},
		"plot of no samples":    {[]string{"plot", model, "-n", "0"}, "positive"},
		"tolerance of nothing":  {[]string{"evaluate", model, "moons", "--tolerances", "2"}, "between 0 and 1"},
		"budget of nothing":     {[]string{"evaluate", model, "moons", "--evaluations", "2,0", "--engine", "native"}, "positive"},
		"weights to compare":    {[]string{"evaluate", model, "moons", "--guidance", "1,2", "--engine", "native"}, "give one"},
		"rescaled comparison":   {[]string{"evaluate", model, "moons", "--cfg-zero", "--engine", "native"}, "add --guidance"},
		"evaluate guided, none": {[]string{"evaluate", plain, "moons", "--guidance", "2", "--engine", "native"}, "without condition"},
		"nll under noise":       {[]string{"evaluate", model, "moons", "--nll", "--sde", "beta"}, "no flow to follow"},
		"nll elsewhere":         {[]string{"evaluate", model, "moons", "--nll", "--schedule", "cosine"}, "exclude each other"},
		"probes of no nll":      {[]string{"evaluate", model, "moons", "--probes", "4"}, "add --nll"},
		"noise by rk4":          {[]string{"evaluate", model, "moons", "--sde", "beta", "--solvers", "rk4"}, "stochastic-heun"},
		"tolerance and noise":   {[]string{"evaluate", model, "moons", "--sde", "beta", "--tolerances", "0.1"}, "leave them or --sde out"},
		"odd budget":            {[]string{"evaluate", model, "moons", "--solvers", "heun", "--evaluations", "3", "--tolerances", "0"}, "multiples of its stages"},
		"times and steps":       {[]string{"sample", model, "--times", "0,0.5,1", "--steps", "2"}, "leave --steps out"},
		"times that fall":       {[]string{"sample", model, "--times", "0,0.6,0.5,1", "--engine", "native"}, "rise from 0 to 1"},
		"times without an end":  {[]string{"sample", model, "--times", "0,0.5", "--engine", "native"}, "rise from 0 to 1"},
		"noise unasked for":     {[]string{"sample", model, "--solver", "euler-maruyama"}, "add --sde"},
		"noise by no method":    {[]string{"sample", model, "--sde", "beta", "--solver", "rk4"}, "stochastic-heun"},
		"noise of no form":      {[]string{"sample", model, "--sde", "bets"}, `did you mean "beta"`},
		"density under noise":   {[]string{"sample", model, "--log-prob", "--sde", "beta"}, "no flow to follow"},
		"guidance to nowhere":   {[]string{"sample", model, "--guidance", "2", "--engine", "native"}, "--class"},
		"interval of one time":  {[]string{"sample", model, "--guidance", "2", "--guidance-interval", "0.5", "--engine", "native"}, "0.2:0.8"},
		"falling interval":      {[]string{"sample", model, "--guidance", "2", "--guidance-interval", "0.8:0.2", "--engine", "native"}, "times that rise"},
		"rescale alone":         {[]string{"sample", model, "--guidance-rescale", "0.5", "--engine", "native"}, "add --guidance"},
		"guidance of none":      {[]string{"sample", plain, "--guidance", "2", "--engine", "native"}, "without condition"},
		"guidance untrained":    {[]string{"sample", kept, "--guidance", "2", "--class", "0", "--engine", "native"}, "--label-drop"},
		"density of guided":     {[]string{"sample", model, "--log-prob", "--guidance", "2", "--class", "0"}, "exclude each other"},
		"density elsewhere":     {[]string{"sample", model, "--log-prob", "--schedule", "cosine"}, "exclude each other"},
		"density in a picture":  {[]string{"sample", model, "--log-prob", "-o", filepath.Join(dir, "a.png")}, ".csv"},
		"probes of nothing":     {[]string{"sample", model, "--probes", "4"}, "--log-prob"},
		"no probes":             {[]string{"likelihood", model, "moons", "--probes", "0"}, "positive"},
		"unknown probes":        {[]string{"likelihood", model, "moons", "--probe-kind", "gausian"}, `did you mean "gaussian"`},
		"density of digits":     {[]string{"likelihood", model, "digits", "--engine", "native"}, "dimensions"},
		"density without class": {[]string{"likelihood", kept, "swissroll:n=10", "--engine", "native"}, "label drop-out"},
		"two classes of a row":  {[]string{"likelihood", model, "moons", "--class", "0", "--unconditional"}, "exclude each other"},
		"float64 on ort":        {[]string{"likelihood", model, "moons", "--float64"}, "--engine native"},
		"densities of no kind":  {[]string{"likelihood", model, "moons", "-o", filepath.Join(dir, "a.txt")}, ".csv or .npy"},
		"two kinds of steps":    {[]string{"likelihood", model, "moons", "--solver", "dopri5", "--rtol", "1e-4", "--steps", "5"}, "exclude each other"},
		"tolerance of rk4":      {[]string{"likelihood", model, "moons", "--rtol", "1e-4"}, "dopri5"},
		"tolerance below 0":     {[]string{"likelihood", model, "moons", "--solver", "dopri5", "--rtol", "-1"}, "positive"},
		"bins of less":          {[]string{"likelihood", model, "moons", "--dequantise", "-1"}, "positive"},
		"denoise when":          {[]string{"denoise", model, "moons"}, "--time"},
		"denoise beyond":        {[]string{"denoise", model, "moons:n=10", "--time", "1.5", "--engine", "native"}, "from 0, noise, to 1, data"},
		"seed of no noise":      {[]string{"denoise", model, "moons", "--time", "0.5", "--seed", "3"}, "--noise"},
		"denoise to no kind":    {[]string{"denoise", model, "moons", "--time", "0.5", "-o", filepath.Join(dir, "a.txt")}, ".csv, .npy or .png"},
		"limit of trusted":      {[]string{"sample", model, "--time-limit", "5s"}, "add --untrusted"},
		"untrusted on cuda":     {[]string{"sample", model, "--untrusted", "--provider", "cuda"}, "leave --provider out"},
		"limit of nothing":      {[]string{"verify", model, "--untrusted", "--memory-limit", "1"}, "at least 64 MiB"},
		"batch of nothing":      {[]string{"verify", model, "--batches", "0,7"}, "--batches 1,2"},
		"no threads":            {[]string{"verify", model, "--threads", "0"}, "--threads 1,2"},
		"libraries of native":   {[]string{"verify", model, "--parity", "native", "--ort-lib", "a.so"}, "leave --ort-lib or --parity out"},
		"untrusted libraries":   {[]string{"verify", model, "--untrusted", "--ort-lib", "a.so,b.so"}, "give one --ort-lib"},
		"raw weights of what":   {[]string{"verify", model, "--raw"}, "--run"},
		"tolerance of anything": {[]string{"verify", model, "--tolerance", "2"}, "between 0 and 1"},
		"verify another's run":  {[]string{"verify", plain, "--run", filepath.Join(dir, "run"), "--parity", "native"}, "run: "},
		"declared bundle":       {[]string{"verify", dir, "--parity", "native", "--input-x", "x"}, "declarations out"},
		"no bundle":             {[]string{"verify", dir, "--parity", "native"}, "the folder has no manifest.json"},
		"model is a folder":     {[]string{"sample", dir}, "is a folder"},
		"diff of others":        {[]string{"diff", model, plain}, "models differ"},
		"length of nothing":     {[]string{"inspect", model, "--length", "batch=0"}, "positive"},
		"inspect text":          {[]string{"inspect", filepath.Join(dir, "text.onnx")}, "text.onnx"},
	} {
		t.Run(name, func(t *testing.T) {
			before := list(t, dir)
			_, _, failure := run(c.args...)
			if !strings.Contains(failure, c.want) || failure == "" {
				t.Errorf("got  %q\nwant %q in it", failure, c.want)
			}
			if strings.Contains(failure, "\n") || len(failure) > 600 {
				t.Errorf("not one line: %q", failure)
			}
			if after := list(t, dir); after != before {
				t.Errorf("left behind: %s, before %s", after, before)
			}
			if _, err := os.Stat(out); err == nil {
				t.Error("a half-made output")
			}
		})
	}
}

// Where the output cannot be written, nothing is computed first: the mistake in the last flag shows at once.
func TestOutputIsLookedAtFirst(t *testing.T) {
	dir, model := small(t)
	_, _, failure := run("sample", model, "-o", filepath.Join(dir, "no", "a.csv"), "--engine", "none")
	if want := filepath.Join(dir, "no"); !strings.Contains(failure, want) {
		t.Errorf("got %q, want a word about %s", failure, want)
	}
}

// --beside is for scatter plots: a picture of images has no place for it.
func TestBesideImages(t *testing.T) {
	f := &sampleFlags{out: "a.png", beside: "digits"}
	if _, err := f.writer(flow.Spec{Dims: []int{1, 8, 8}}); err == nil || !strings.Contains(err.Error(), "--beside") {
		t.Errorf("got %v", err)
	}
}

// A condition that is not finite is refused: every sample would be NaN.
func TestConditionIsFinite(t *testing.T) {
	for _, v := range []float64{math.NaN(), math.Inf(1), -1e39} {
		f := &sampleFlags{n: 1, given: []float64{v}}
		if y, err := f.condition(flow.Spec{Condition: flow.Condition{Kind: flow.Vector, Width: 1}}); err == nil {
			t.Errorf("%g: accepted as %v", v, y.Float32())
		}
	}
}

// CUDA asked for and absent is refused by onnxruntime's engine too.
func TestNoSilentFallBackFromCUDA(t *testing.T) {
	if orttest.Engine(t).Library().HasCUDA() {
		t.Skip("this onnxruntime has CUDA")
	}
	_, model := small(t)
	if _, _, failure := run("sample", model, "--provider", "cuda"); !strings.Contains(failure, "CUDA") {
		t.Errorf("got %q", failure)
	}
}

// notVelocity is a valid file that is no velocity field.
func notVelocity(t *testing.T, dir string) string {
	t.Helper()
	b := graph.NewBuilder("other")
	x := b.Input("image", tensor.Float32, graph.Fix(3))
	b.Output("scores", b.Neg(x))
	g, err := b.Graph()
	if err != nil {
		t.Fatal(err)
	}
	m, err := onnx.FromGraph(g, onnx.Wide, nil)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "other.onnx")
	if err := os.WriteFile(path, m.Marshal(), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// list is the names and sizes of everything below a folder.
func list(t *testing.T, dir string) string {
	t.Helper()
	var s strings.Builder
	if err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if info, err := d.Info(); err == nil && !d.IsDir() {
			s.WriteString(path + " " + info.ModTime().String() + "\n")
		} else {
			s.WriteString(path + "\n")
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return s.String()
}

// The way of a newcomer works: train, export, verify, sample on both engines, inspect; and the two engines agree.
func TestTour(t *testing.T) {
	orttest.Engine(t)
	dir, model := small(t)
	if out, _, err := run("verify", model); err != "" || !strings.Contains(out, "onnxruntime") || strings.Contains(out, "FAIL") {
		t.Errorf("verify: %s %s", out, err)
	}
	a, _, err1 := run("sample", model, "-n", "5", "--steps", "7", "--seed", "3", "--engine", "native")
	b, _, err2 := run("sample", model, "-n", "5", "--steps", "7", "--seed", "3")
	if err1+err2 != "" || len(strings.Split(a, "\n")) != 7 || len(a) < 40 || a[:30] != b[:30] && a[:12] != b[:12] {
		t.Errorf("samples:\n%s%s%s%s", a, b, err1, err2)
	}
	for _, ext := range []string{"csv", "npy", "png"} {
		path := filepath.Join(dir, "s."+ext)
		if _, _, err := run("sample", model, "-o", path, "--class", "1"); err != "" {
			t.Error(err)
		} else if info, err := os.Stat(path); err != nil || info.Size() < 100 {
			t.Errorf("%s: %v, %v", path, info, err)
		}
	}
	if out, _, err := run("inspect", model); err != "" || !strings.Contains(out, "x float32[batch 2]") || !strings.Contains(out, "def threefry") {
		t.Errorf("inspect: %s %s", out, err)
	}
	if out, _, err := run("doctor"); err != "" || !strings.Contains(out, "onnxruntime") {
		t.Errorf("doctor: %s %s", out, err)
	}
}

// Without flags, train makes a run under runs/ and export takes the newest complete one.
func TestDefaultsFindEachOther(t *testing.T) {
	t.Chdir(t.TempDir())
	if _, _, err := run("export", "model.onnx", "--parity", "native"); !strings.Contains(err, "runs") {
		t.Errorf("without a run: %q", err)
	}
	if _, _, err := run("train", "moons:n=300", "--steps", "5", "--batch", "32", "--width", "8"); err != "" {
		t.Fatal(err)
	}
	if _, talk, err := run("export", "model.onnx", "--parity", "native"); err != "" || !strings.Contains(talk, "runs") {
		t.Fatalf("%q %q", talk, err)
	}
	file, err := os.ReadFile("model.onnx")
	if err != nil {
		t.Fatal(err)
	}
	m, err := onnx.Unmarshal(file)
	if err != nil {
		t.Fatal(err)
	}
	if meta := m.Metadata(); !strings.HasPrefix(meta["io.fmtool.parity"], "native:") || strings.Contains(meta["io.fmtool.parity"], "onnxruntime") {
		t.Errorf("the file says of its check: %q", meta["io.fmtool.parity"])
	}
	if _, _, err := run("export", "model.onnx", "--parity", "native"); !strings.Contains(err, "--force") {
		t.Errorf("over an existing file: %q", err)
	}
}
