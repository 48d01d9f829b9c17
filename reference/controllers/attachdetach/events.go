package attachdetach

import (
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// Reasons of the events about pods.
const (
	SuccessfulAttachVolume = "SuccessfulAttachVolume"
	FailedAttachVolume     = "FailedAttachVolume"
)

// soon is when to look whether the cache has learnt who has a volume.
const soon = 50 * time.Millisecond

func (c *Controller) tell(pods []*corev1.Pod, kind, reason, message string) {
	for _, pod := range pods {
		c.events.Event(pod, kind, reason, message)
	}
}

// news reports whether message differs from what was last told about the attachment. What is known when a process
// starts is no news.
func (c *Controller) news(attachment, message string, initially bool) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	last, known := c.told[attachment]
	c.told[attachment] = message
	return last != message && (known || initially)
}

// tellOf tells the pods how the attachments of the node fare.
func (c *Controller) tellOf(v *view) {
	c.forget(v)
	for _, a := range v.attachments {
		w, desired := v.desired[a.Name]
		switch {
		case !desired || a.DeletionTimestamp != nil:
		case a.Status.Attached:
			if c.news(a.Name, SuccessfulAttachVolume, false) {
				c.tell(w.pods, corev1.EventTypeNormal, SuccessfulAttachVolume, fmt.Sprintf("AttachVolume.Attach succeeded for volume %q ", w.volume.Name))
			}
		case a.Status.AttachError != nil:
			message := fmt.Sprintf("AttachVolume.Attach failed for volume %q : %s", w.volume.Name, a.Status.AttachError.Message)
			if c.news(a.Name, message, true) {
				c.tell(w.pods, corev1.EventTypeWarning, FailedAttachVolume, message)
			}
		default:
			c.news(a.Name, "", false)
		}
	}
}

// tellBlocked tells the pods that another node has the volume, and which pods there use it, as far as they may know.
func (c *Controller) tellBlocked(v *view, w wanted) {
	nodes, mine, others := v.elsewhere(w.volume.Name), []string{}, 0
	for _, node := range nodes {
		for _, pod := range c.podsOn(node) {
			if !uses(pod) || !slices.ContainsFunc(pod.Spec.Volumes, func(volume corev1.Volume) bool {
				other := c.attachable(pod, &volume)
				return other != nil && other.Name == w.volume.Name
			}) {
				continue
			}
			if pod.Namespace == w.pods[0].Namespace {
				mine = append(mine, pod.Name)
			} else {
				others++
			}
		}
	}
	slices.Sort(mine)
	why := "Volume is already exclusively attached to one node and can't be attached to another"
	switch {
	case len(mine) > 0 && others > 0:
		why = fmt.Sprintf("Volume is already used by pod(s) %s and %d pod(s) in different namespaces", strings.Join(mine, ", "), others)
	case len(mine) > 0:
		why = "Volume is already used by pod(s) " + strings.Join(mine, ", ")
	case others > 0:
		why = fmt.Sprintf("Volume is already used by %d pod(s) in different namespaces", others)
	}
	message := fmt.Sprintf("Multi-Attach error for volume %q %s", w.volume.Name, why)
	if c.news(attachmentName(w.volume, v.name), FailedAttachVolume, true) {
		c.tell(w.pods, corev1.EventTypeWarning, FailedAttachVolume, message)
	}
}

// forget drops what was told about the attachments of the node that are neither there nor wanted.
func (c *Controller) forget(v *view) {
	c.mu.Lock()
	defer c.mu.Unlock()
	mine := c.known[v.name]
	keep := map[string]bool{}
	for name := range v.desired {
		keep[name] = true
	}
	for _, a := range v.attachments {
		keep[a.Name] = true
	}
	for name := range mine {
		if !keep[name] {
			delete(c.told, name)
		}
	}
	if len(keep) == 0 {
		delete(c.known, v.name)
	} else {
		c.known[v.name] = keep
	}
}
