package clustertrust

import (
	"context"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"

	"github.com/etalon-dev/etalon/reference/controllers/controller"
)

// Publish writes the ConfigMap and keeps it up to date until ctx ends: when a file of certificates
// changes, and when somebody else changes or deletes it.
func Publish(ctx context.Context, client kubernetes.Interface, trust Trust) {
	keeper := controller.KeepConfigMap(client, types.NamespacedName{Namespace: metav1.NamespaceSystem, Name: Name},
		func(have map[string]string) (map[string]string, error) { return trust.merge(have, time.Now()) })
	if trust.ClientCA != nil {
		trust.ClientCA.AddListener(keeper)
	}
	if trust.RequestHeader != nil {
		trust.RequestHeader.CAContentProvider.AddListener(keeper)
	}
	keeper.Run(ctx)
}
