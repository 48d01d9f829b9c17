package serviceaccount

import (
	"context"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"

	"github.com/etalon-dev/etalon/reference/controllers/controller"
)

// Tracking is the ConfigMap that says since which day the use of Secrets' tokens is noted. Who cleans
// up unused tokens must not judge by days before it.
var Tracking = types.NamespacedName{Namespace: metav1.NamespaceSystem, Name: "kube-apiserver-legacy-service-account-token-tracking"}

// TrackingSince is its key; the value is a date, UTC.
const TrackingSince = "since"

// Track keeps the ConfigMap until ctx ends.
func Track(ctx context.Context, client kubernetes.Interface) {
	controller.KeepConfigMap(client, Tracking, func(have map[string]string) (map[string]string, error) {
		return trackedSince(have, time.Now()), nil
	}).Run(ctx)
}

// trackedSince keeps the day that stands there, unless it is none.
func trackedSince(have map[string]string, now time.Time) map[string]string {
	if _, err := time.Parse(dateFormat, have[TrackingSince]); err == nil {
		return have
	}
	return map[string]string{TrackingSince: now.UTC().Format(dateFormat)}
}
