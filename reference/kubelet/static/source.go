package static

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/fsnotify/fsnotify"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/klog/v2"
	kubeletv1beta1 "k8s.io/kubelet/config/v1beta1"
)

// settle is how long a file is left alone after it changed: an editor may still be writing it.
const settle = 50 * time.Millisecond

// Receiver runs the pods.
type Receiver interface {
	// Update hands over a pod that is to run.
	Update(pod *v1.Pod)
	// Gone says that a pod is not to run any more.
	Gone(uid types.UID)
}

// Source follows the descriptions on the node.
type Source struct {
	config   *kubeletv1beta1.KubeletConfiguration
	node     string
	receiver Receiver

	mu sync.Mutex
	// read has the pods of each place that was read once.
	read  map[string][]*v1.Pod
	known map[types.UID]bool
	all   chan struct{}
}

// NewSource returns a Source for what the configuration names.
func NewSource(c *kubeletv1beta1.KubeletConfiguration, node string, r Receiver) *Source {
	s := &Source{config: c, node: node, receiver: r, read: map[string][]*v1.Pod{}, known: map[types.UID]bool{}, all: make(chan struct{})}
	if s.places() == 0 {
		close(s.all)
	}
	return s
}

// Read is closed once every place was read, and its pods handed over.
func (s *Source) Read() <-chan struct{} { return s.all }

func (s *Source) places() int {
	n := 0
	for _, place := range []string{s.config.StaticPodPath, s.config.StaticPodURL} {
		if place != "" {
			n++
		}
	}
	return n
}

// Run follows the places until ctx ends.
func (s *Source) Run(ctx context.Context) {
	var group sync.WaitGroup
	if s.config.StaticPodPath != "" {
		group.Go(func() { s.followDirectory(ctx) })
	}
	if s.config.StaticPodURL != "" {
		group.Go(func() { s.followURL(ctx) })
	}
	group.Wait()
}

// followDirectory reads when something changes there and, since a watch may miss things, now and then.
func (s *Source) followDirectory(ctx context.Context) {
	log := klog.FromContext(ctx)
	d := &directory{path: s.config.StaticPodPath, node: s.node, log: log}
	watcher, err := fsnotify.NewWatcher()
	if err != nil {
		log.Error(err, "Cannot watch the static pods' directory, reading it now and then")
		watcher = &fsnotify.Watcher{}
	} else {
		defer watcher.Close()
	}
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-watcher.Events:
			timer.Reset(settle)
		case err := <-watcher.Errors:
			log.V(2).Info("The watch of the static pods' directory lost events", "err", err)
			timer.Reset(settle)
		case <-timer.C:
			if watcher.Events != nil {
				// Adding what is watched already changes nothing; the directory may be new.
				if err := watcher.Add(watched(d.path)); err != nil {
					log.V(4).Info("Cannot watch the static pods' directory yet", "err", err)
				}
			}
			if pods, err := d.read(time.Now()); err != nil {
				log.Error(err, "Cannot read the static pods' directory", "path", d.path)
			} else {
				s.take("file", pods)
			}
			timer.Reset(s.config.FileCheckFrequency.Duration)
		}
	}
}

// watched is what to watch for changes of path: a single file's directory, since files are replaced.
func watched(path string) string {
	if info, err := os.Stat(path); err == nil && !info.IsDir() {
		return filepath.Dir(path)
	}
	return path
}

func (s *Source) followURL(ctx context.Context) {
	log := klog.FromContext(ctx)
	r := &remote{url: s.config.StaticPodURL, node: s.node, header: http.Header(s.config.StaticPodURLHeader),
		client: &http.Client{Timeout: 10 * time.Second}}
	ticker := time.NewTicker(s.config.HTTPCheckFrequency.Duration)
	defer ticker.Stop()
	for {
		if pods, err := r.read(ctx, time.Now()); err == nil {
			s.take("http", pods)
		} else if ctx.Err() == nil {
			log.Error(err, "Cannot read static pods", "url", s.config.StaticPodURL)
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// take hands over what is new and what is gone.
func (s *Source) take(place string, pods []*v1.Pod) {
	s.mu.Lock()
	defer s.mu.Unlock()
	first := len(s.read) < s.places()
	s.read[place] = pods
	wanted := map[types.UID]bool{}
	for _, place := range s.read {
		for _, pod := range place {
			wanted[pod.UID] = true
		}
	}
	for uid := range s.known {
		if !wanted[uid] {
			delete(s.known, uid)
			s.receiver.Gone(uid)
		}
	}
	for _, pod := range pods {
		if !s.known[pod.UID] {
			s.known[pod.UID] = true
			s.receiver.Update(pod)
		}
	}
	if first && len(s.read) == s.places() {
		close(s.all)
	}
}
