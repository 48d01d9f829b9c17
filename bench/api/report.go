package api

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"runtime"
	"slices"
	"text/tabwriter"
	"time"

	"k8s.io/component-base/version"
)

// Report is all that a run measured.
type Report struct {
	Version string    `json:"version"`
	Date    time.Time `json:"date"`
	CPUs    int       `json:"cpus"`
	Fsync   bool      `json:"fsync"`
	Clients int       `json:"clients"`
	Starts  Starts    `json:"starts"`
	Results []Result  `json:"results"`
}

func newReport(o Options) *Report {
	return &Report{Version: version.Get().GitVersion, Date: time.Now().UTC(), CPUs: runtime.NumCPU(), Fsync: o.Fsync, Clients: o.Clients}
}

// WriteJSON writes every sample.
func (r *Report) WriteJSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(r)
}

// Print writes the medians of all rounds, and beside them what the bare server took: a CPU of ×3 means
// that the API server used three times the processor time of the bare one for a request.
func (r *Report) Print(w io.Writer) error {
	tw := tabwriter.NewWriter(w, 0, 0, 3, ' ', tabwriter.AlignRight)
	fmt.Fprintln(tw, "WORKLOAD\tENCODING\tPER SECOND\tP50\tP99\tCPU/REQUEST\tBARE: PER SECOND\tP50\tP99\tCPU/REQUEST\tCPU\t")
	for _, result := range r.Results {
		s, b := middle(result.Server), middle(result.Bare)
		fmt.Fprintf(tw, "%s\t%s\t%.0f\t%s\t%s\t%s\t%.0f\t%s\t%s\t%s\t×%.1f\t\n", result.Workload, result.Encoding,
			s.PerSecond, round(s.P50), round(s.P99), round(s.CPU), b.PerSecond, round(b.P50), round(b.P99), round(b.CPU), ratio(result))
	}
	if err := tw.Flush(); err != nil {
		return err
	}
	fmt.Fprintln(w)
	tw = tabwriter.NewWriter(w, 0, 0, 3, ' ', tabwriter.AlignRight)
	fmt.Fprintln(tw, "START TO READY\tMIN\tMEDIAN\tMAX\tCPU\tMEMORY\t")
	for name, starts := range r.byServer() {
		ready := sorted(starts, func(s Start) time.Duration { return s.Ready })
		cpu := sorted(starts, func(s Start) time.Duration { return s.CPU })
		memory := sorted(starts, func(s Start) int64 { return s.Memory })
		fmt.Fprintf(tw, "%s\t%s\t%s\t%s\t%s\t%d MiB\t\n", name,
			round(ready[0]), round(median(ready)), round(ready[len(ready)-1]), round(median(cpu)), median(memory)>>20)
	}
	return tw.Flush()
}

func (r *Report) byServer() func(yield func(string, []Start) bool) {
	return func(yield func(string, []Start) bool) {
		_ = yield("API server", r.Starts.Server) && yield("bare", r.Starts.Bare)
	}
}

// middle is the median of each figure over the rounds.
func middle(samples []Sample) Sample {
	return Sample{
		Requests:  samples[0].Requests,
		PerSecond: median(sorted(samples, func(s Sample) float64 { return s.PerSecond })),
		P50:       median(sorted(samples, func(s Sample) time.Duration { return s.P50 })),
		P99:       median(sorted(samples, func(s Sample) time.Duration { return s.P99 })),
		CPU:       median(sorted(samples, func(s Sample) time.Duration { return s.CPU })),
	}
}

// ratio is the median over the rounds of how much more processor time the API server used.
func ratio(r Result) float64 {
	ratios := make([]float64, len(r.Server))
	for i := range ratios {
		ratios[i] = float64(r.Server[i].CPU) / float64(max(r.Bare[i].CPU, 1))
	}
	slices.Sort(ratios)
	return median(ratios)
}

func sorted[T any, V cmp.Ordered](items []T, value func(T) V) []V {
	values := make([]V, len(items))
	for i, item := range items {
		values[i] = value(item)
	}
	slices.Sort(values)
	return values
}

func median[T any](sorted []T) T { return quantile(sorted, 0.5) }

// round keeps three digits or so: more would be noise.
func round(d time.Duration) time.Duration {
	switch {
	case d >= time.Second:
		return d.Round(10 * time.Millisecond)
	case d >= 10*time.Millisecond:
		return d.Round(100 * time.Microsecond)
	case d >= time.Millisecond:
		return d.Round(10 * time.Microsecond)
	default:
		return d.Round(time.Microsecond)
	}
}
