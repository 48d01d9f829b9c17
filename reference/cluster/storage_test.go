package cluster

import (
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"
)

func TestAClassThatWasDeletedIsNotMadeAgain(t *testing.T) {
	client, ctx := fake.NewClientset(), t.Context()
	if err := makeStorage(ctx, client); err != nil {
		t.Fatal(err)
	}
	if _, err := client.StorageV1().StorageClasses().Get(ctx, StorageClass, metav1.GetOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := client.StorageV1().StorageClasses().Delete(ctx, StorageClass, metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := makeStorage(ctx, client); err != nil {
		t.Fatal(err)
	}
	if _, err := client.StorageV1().StorageClasses().Get(ctx, StorageClass, metav1.GetOptions{}); !apierrors.IsNotFound(err) {
		t.Errorf("the class is back: %v", err)
	}
}
