package static

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	v1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"
)

// remote reads descriptions from a web server: one pod, or a PodList.
type remote struct {
	url, node string
	header    http.Header
	client    *http.Client
	// good is the pod last read for each uid.
	good map[string]*v1.Pod
}

func (r *remote) read(ctx context.Context, now time.Time) ([]*v1.Pod, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, r.url, nil)
	if err != nil {
		return nil, err
	}
	request.Header = r.header.Clone()
	answer, err := r.client.Do(request)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, maxDescription))
	switch {
	case err != nil:
		return nil, err
	case answer.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("%s: %s", r.url, answer.Status)
	case len(text) == 0:
		return nil, fmt.Errorf("%s: the answer is empty", r.url)
	}
	items, err := split(text)
	if err != nil {
		return nil, err
	}
	good := map[string]*v1.Pod{}
	var pods []*v1.Pod
	for _, item := range items {
		pod, err := decode(item, Origin{Kind: "http", Name: r.url}, r.node, now)
		if err != nil {
			return nil, err
		}
		if before := r.good[string(pod.UID)]; before != nil {
			pod = before
		}
		good[string(pod.UID)] = pod
		pods = append(pods, pod)
	}
	r.good = good
	return pods, nil
}

// split takes a list apart.
func split(text []byte) ([][]byte, error) {
	var list struct {
		Kind  string           `json:"kind"`
		Items []map[string]any `json:"items"`
	}
	if err := yaml.Unmarshal(text, &list); err != nil {
		return nil, err
	}
	if list.Kind != "PodList" && list.Kind != "List" {
		return [][]byte{text}, nil
	}
	var out [][]byte
	for _, item := range list.Items {
		if item == nil {
			return nil, errors.New("the list has an empty item")
		}
		if item["kind"] == nil {
			item["kind"], item["apiVersion"] = "Pod", "v1"
		}
		text, err := yaml.Marshal(item)
		if err != nil {
			return nil, err
		}
		out = append(out, text)
	}
	return out, nil
}
