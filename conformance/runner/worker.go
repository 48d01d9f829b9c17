package runner

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"strings"
	"syscall"

	"github.com/onsi/ginkgo/v2"
	"github.com/onsi/ginkgo/v2/types"
	"github.com/onsi/gomega"
	"github.com/onsi/gomega/format"
)

// Job is what a worker must know to run its share of the specs.
type Job struct {
	// IDs are the behaviours to judge; every worker gets all and is handed one at a time.
	IDs []string `json:"ids"`
	// Seed orders the specs, in the same way for every worker.
	Seed int64 `json:"seed"`
	// Total is the number of workers.
	Total int `json:"total"`
	// FailFast stops the run at the first failure.
	FailFast bool `json:"failFast"`
	// Extra is for the suite: its settings.
	Extra json.RawMessage `json:"extra,omitempty"`
}

// Work is the whole life of worker number process: it fetches its job from the server at
// address, hands Extra to configure and runs the specs it is given. It returns an error when
// it could not begin; how the specs went is reported to the server.
func Work(address string, process int, configure func(extra json.RawMessage) error) error {
	go endWithParent()
	var job Job
	if err := fetch(address+"/job", &job); err != nil {
		return fmt.Errorf("worker %d: %w", process, err)
	}
	if err := configure(job.Extra); err != nil {
		return fmt.Errorf("worker %d: %w", process, err)
	}
	if err := os.Setenv("GINKGO_PARALLEL_PROTOCOL", "HTTP"); err != nil {
		return err
	}
	gomega.RegisterFailHandler(ginkgo.Fail)
	format.RegisterCustomFormatter(errorText)
	ginkgo.ReportBeforeEach(func(report ginkgo.SpecReport) {
		if !report.State.Is(types.SpecStateSkipped) {
			announce(address, news{Worker: process, ID: report.LeafNodeText})
		}
	})
	suite, reporter := ginkgo.GinkgoConfiguration()
	suite.RandomSeed, suite.RandomizeAllSpecs = job.Seed, true
	suite.FocusStrings = []string{focus(job.IDs)}
	suite.FailFast = job.FailFast
	suite.Timeout = 0
	// A run of one worker speaks the same protocol as one of many: it is told of a second that has ended.
	suite.ParallelProcess, suite.ParallelTotal, suite.ParallelHost = process, max(2, job.Total), address
	suite.OutputInterceptorMode = "none"
	ginkgo.RunSpecs(quiet{}, suiteName, suite, reporter)
	return nil
}

// errorText lets a failed expectation show what an error says rather than how it is built.
func errorText(value any) (string, bool) {
	err, isError := value.(error)
	if !isError {
		return "", false
	}
	return err.Error(), true
}

// suiteName is what Ginkgo calls the suite; it precedes a spec's text where focus is matched.
const suiteName = "conformance"

// focus is the regular expression that picks exactly the specs with these ids.
func focus(ids []string) string {
	quoted := make([]string, len(ids))
	for i, id := range ids {
		quoted[i] = regexp.QuoteMeta(id)
	}
	return "(^| )(" + strings.Join(quoted, "|") + ")$"
}

// quiet is the testing.T of a worker: failures are told to the server, spec by spec.
type quiet struct{}

func (quiet) Fail() {}

// endWithParent stops the worker, clean-up included, when the process that started it is gone:
// its standard input then ends.
func endWithParent() {
	io.Copy(io.Discard, os.Stdin) //nolint:errcheck // any end is the end
	syscall.Kill(os.Getpid(), syscall.SIGTERM)
}

func fetch(url string, into any) error {
	resp, err := http.Get(url)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answered %s", url, resp.Status)
	}
	return json.NewDecoder(resp.Body).Decode(into)
}

// announce tells the server that a spec begins. A server that is gone needs no news.
func announce(address string, n news) {
	body, err := json.Marshal(n)
	if err != nil {
		return
	}
	if resp, err := http.Post(address+"/began", "application/json", bytes.NewReader(body)); err == nil {
		resp.Body.Close()
	}
}
