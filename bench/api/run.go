package api

import (
	"context"
	"fmt"
	"os"
)

// minEvents is the least number of events that a watcher sees in a round.
const minEvents = 5

// Result is one workload on both servers, round by round. Samples[i] of both were taken one after the other.
type Result struct {
	Workload string   `json:"workload"`
	Encoding string   `json:"encoding"`
	Server   []Sample `json:"server"`
	Bare     []Sample `json:"bare"`
}

// workload is measured once a round on each peer, in a namespace of the round.
type workload struct {
	name, encoding string
	run            func(ctx context.Context, p *peer, namespace string) (Sample, error)
}

// Run measures everything that the options ask for.
func Run(ctx context.Context, o Options) (*Report, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "etalon-bench-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	report := newReport(o)
	if report.Starts, err = runStarts(ctx, o, dir); err != nil {
		return nil, err
	}
	both, err := startBoth(ctx, o, dir)
	if err != nil {
		return nil, err
	}
	defer func() {
		for _, p := range both {
			p.stop()
		}
	}()
	for _, encoding := range o.Encodings {
		results, err := runAll(ctx, o, both, encoding, writeWorkloads(o, encoding), "writes")
		if err != nil {
			return nil, err
		}
		report.Results = append(report.Results, results...)
	}
	results, err := runListsOf(ctx, o, both)
	if err != nil {
		return nil, err
	}
	report.Results = append(report.Results, results...)
	for _, n := range o.Watchers {
		results, err := runAll(ctx, o, both, JSON, []workload{fanoutWorkload(o, n)}, fmt.Sprintf("watch-%d", n))
		if err != nil {
			return nil, err
		}
		report.Results = append(report.Results, results...)
	}
	return report, nil
}

func startBoth(ctx context.Context, o Options, dir string) ([]*peer, error) {
	f, err := newFiles(dir)
	if err != nil {
		return nil, err
	}
	both := peers()
	for i, p := range both {
		if _, err := p.start(ctx, f, o.Fsync); err != nil {
			for _, started := range both[:i] {
				started.stop()
			}
			return nil, err
		}
	}
	return both, nil
}

func writeWorkloads(o Options, encoding string) []workload {
	named := func(name string, w write) workload {
		return workload{name, encoding, func(ctx context.Context, p *peer, namespace string) (Sample, error) {
			return p.runWrites(ctx, o, encoding, namespace, o.Writes, w)
		}}
	}
	return []workload{named("create", create), named("update", update), named("bind", bind)}
}

func fanoutWorkload(o Options, watchers int) workload {
	return workload{fmt.Sprintf("watch × %d", watchers), JSON, func(ctx context.Context, p *peer, namespace string) (Sample, error) {
		return p.runFanout(ctx, namespace, watchers, max(minEvents, o.Deliveries/watchers))
	}}
}

// runAll measures the workloads, one after the other, in a fresh namespace each round: first on one
// server, then at once on the other.
func runAll(ctx context.Context, o Options, both []*peer, encoding string, workloads []workload, label string) ([]Result, error) {
	results := make([]Result, len(workloads))
	for i, w := range workloads {
		results[i] = Result{Workload: w.name, Encoding: w.encoding}
	}
	for round := range o.Rounds {
		namespace := fmt.Sprintf("%s-%s-%d", label, encoding, round)
		for _, p := range both {
			if err := p.namespace(ctx, namespace); err != nil {
				return nil, fmt.Errorf("%s: %w", p.name, err)
			}
		}
		for i, w := range workloads {
			fmt.Fprintf(o.Progress, "%s, %s, round %d of %d\n", w.name, w.encoding, round+1, o.Rounds)
			if err := results[i].measure(ctx, both, w, namespace); err != nil {
				return nil, err
			}
		}
	}
	return results, nil
}

func (r *Result) measure(ctx context.Context, both []*peer, w workload, namespace string) error {
	for i, p := range both {
		sample, err := w.run(ctx, p, namespace)
		if err != nil {
			return fmt.Errorf("%s on the %s: %w", w.name, p.name, err)
		}
		to := &r.Server
		if i > 0 {
			to = &r.Bare
		}
		*to = append(*to, sample)
	}
	return nil
}

// runListsOf fills a namespace once and lists it in each encoding.
func runListsOf(ctx context.Context, o Options, both []*peer) ([]Result, error) {
	const namespace = "lists"
	fmt.Fprintf(o.Progress, "creating %d pods to list\n", o.ListSize)
	for _, p := range both {
		if err := p.namespace(ctx, namespace); err != nil {
			return nil, err
		}
		if _, err := p.runWrites(ctx, o, Protobuf, namespace, o.ListSize, create); err != nil {
			return nil, fmt.Errorf("creating pods on the %s: %w", p.name, err)
		}
	}
	var results []Result
	for _, encoding := range o.Encodings {
		list := workload{fmt.Sprintf("list of %d", o.ListSize), encoding, func(ctx context.Context, p *peer, _ string) (Sample, error) {
			return p.runLists(ctx, o, encoding, namespace)
		}}
		result := Result{Workload: list.name, Encoding: encoding}
		for round := range o.Rounds {
			fmt.Fprintf(o.Progress, "%s, %s, round %d of %d\n", list.name, encoding, round+1, o.Rounds)
			if err := result.measure(ctx, both, list, namespace); err != nil {
				return nil, err
			}
		}
		results = append(results, result)
	}
	return results, nil
}
