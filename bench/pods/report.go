package pods

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"text/tabwriter"
	"time"
)

// Report is what a run found. Times of single starts are in the order in which they were measured.
type Report struct {
	Rounds int `json:"rounds"`
	AtOnce int `json:"atOnce"`
	Full   int `json:"full"`
	// Raw are starts by the runtime alone, Token pods with the volume of a ServiceAccount's token, Plain pods without.
	Raw   []time.Duration `json:"raw"`
	Token []time.Duration `json:"token"`
	Plain []time.Duration `json:"plain"`
	// RawTogether and Together are AtOnce starts at the same time.
	RawTogether time.Duration `json:"rawTogether"`
	Together    time.Duration `json:"together"`
	// RawTogetherCPU and TogetherCPU are the processor time that these took, by the process that used it.
	RawTogetherCPU map[string]time.Duration `json:"rawTogetherCPU"`
	TogetherCPU    map[string]time.Duration `json:"togetherCPU"`
	// FullTook is how long Full pods took until the last was Ready.
	FullTook time.Duration `json:"fullTook"`
	// Empty is the cost of a node without pods, Idle with AtOnce pods, Probed with Full ones that are probed.
	Empty  Rest `json:"empty"`
	Idle   Rest `json:"idle"`
	Probed Rest `json:"probed"`
}

// Rest is what the node's processes cost when nothing happens.
type Rest struct {
	Took      time.Duration   `json:"took"`
	Processes map[string]Cost `json:"processes"`
}

// Cost is processor time, and memory in bytes: all that is resident, and the part that is no file's.
type Cost struct {
	CPU       time.Duration `json:"cpu"`
	Resident  int64         `json:"resident"`
	Anonymous int64         `json:"anonymous"`
}

// quantile is the value that the share q of the samples does not exceed.
func quantile(samples []time.Duration, q float64) time.Duration {
	sorted := slices.Sorted(slices.Values(samples))
	return sorted[min(int(q*float64(len(sorted))), len(sorted)-1)]
}

// WriteJSON writes everything that was measured.
func (r *Report) WriteJSON(out io.Writer) error {
	e := json.NewEncoder(out)
	e.SetIndent("", "  ")
	return e.Encode(r)
}

// Print writes the tables.
func (r *Report) Print(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 3, ' ', tabwriter.AlignRight)
	fmt.Fprintf(out, "%d starts of one pod, created until Ready, beside the runtime's own steps for one.\n\n", r.Rounds)
	fmt.Fprintln(w, "START\tMIN\tP50\tP90\tMAX\tP50 MORE THAN RAW\t")
	for _, row := range []struct {
		name    string
		samples []time.Duration
	}{{"raw CRI", r.Raw}, {"pod", r.Plain}, {"pod with token", r.Token}} {
		fmt.Fprintf(w, "%s\t%v\t%v\t%v\t%v\t%v\t\n", row.name, ms(slices.Min(row.samples)), ms(quantile(row.samples, .5)), ms(quantile(row.samples, .9)),
			ms(slices.Max(row.samples)), ms(quantile(row.samples, .5)-quantile(r.Raw, .5)))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(out, "\n%d at once: %v raw, %v as pods: ×%.2f. %d pods on the node: all Ready after %v.\n\n", r.AtOnce, ms(r.RawTogether), ms(r.Together),
		float64(r.Together)/float64(r.RawTogether), r.Full, ms(r.FullTook))
	w = tabwriter.NewWriter(out, 0, 0, 3, ' ', tabwriter.AlignRight)
	fmt.Fprintf(w, "PROCESSOR TIME OF %d AT ONCE\tRAW\tAS PODS\t\n", r.AtOnce)
	for _, name := range slices.Sorted(maps.Keys(r.TogetherCPU)) {
		fmt.Fprintf(w, "%s\t%v\t%v\t\n", name, ms(r.RawTogetherCPU[name]), ms(r.TogetherCPU[name]))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	fmt.Fprintln(out)
	w = tabwriter.NewWriter(out, 0, 0, 3, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "AT REST\tPROCESS\tCPU\tRESIDENT\tANONYMOUS\t")
	for _, row := range []struct {
		name string
		rest Rest
	}{{"no pods", r.Empty}, {fmt.Sprintf("%d pods", r.AtOnce), r.Idle}, {fmt.Sprintf("%d probed pods", r.Full), r.Probed}} {
		for _, name := range slices.Sorted(maps.Keys(row.rest.Processes)) {
			c := row.rest.Processes[name]
			fmt.Fprintf(w, "%s\t%s\t%.1f%%\t%d MiB\t%d MiB\t\n", row.name, name, 100*c.CPU.Seconds()/row.rest.Took.Seconds(), c.Resident>>20, c.Anonymous>>20)
		}
	}
	return w.Flush()
}

func ms(d time.Duration) time.Duration { return d.Round(time.Millisecond) }
