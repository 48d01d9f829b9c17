package generic

import (
	"context"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

var exampleTable = table[*corev1.ConfigMap]{columns: []Column[*corev1.ConfigMap]{
	Name[*corev1.ConfigMap](),
	{Name: "Data", Type: Integer, Wide: true, Doc: "How much.", Cell: func(c *corev1.ConfigMap) any { return int64(len(c.Data)) }},
	Age[*corev1.ConfigMap](),
}}

func TestTableOfList(t *testing.T) {
	created := metav1.NewTime(time.Now().Add(-90 * time.Second))
	list := &corev1.ConfigMapList{
		ListMeta: metav1.ListMeta{ResourceVersion: "7", Continue: "more"},
		Items: []corev1.ConfigMap{
			{ObjectMeta: metav1.ObjectMeta{Name: "a", CreationTimestamp: created}, Data: map[string]string{"k": "v"}},
			{ObjectMeta: metav1.ObjectMeta{Name: "b"}},
		},
	}
	got, err := exampleTable.ConvertToTable(context.Background(), list, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got.ResourceVersion != "7" || got.Continue != "more" || len(got.ColumnDefinitions) != 3 || len(got.Rows) != 2 {
		t.Fatalf("got %+v", got)
	}
	name, data := got.ColumnDefinitions[0], got.ColumnDefinitions[1]
	if name.Type != "string" || name.Format != "name" || name.Description == "" || data.Type != "integer" || data.Priority != 1 {
		t.Errorf("columns: %+v", got.ColumnDefinitions)
	}
	if c := got.Rows[0].Cells; c[0] != "a" || c[1] != int64(1) || c[2] != "90s" {
		t.Errorf("first row: %v", c)
	}
	if c := got.Rows[1].Cells; c[2] != "<unknown>" {
		t.Errorf("second row: %v", c)
	}
	if got.Rows[1].Object.Object.(*corev1.ConfigMap).Name != "b" {
		t.Error("the row does not carry its object")
	}
}

func TestTableOfObjectWithoutHeaders(t *testing.T) {
	obj := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "a", ResourceVersion: "3"}}
	for _, options := range []runtime.Object{nil, (*metav1.TableOptions)(nil), &metav1.TableOptions{NoHeaders: true}} {
		got, err := exampleTable.ConvertToTable(context.Background(), obj, options)
		if err != nil || got.ResourceVersion != "3" || len(got.Rows) != 1 {
			t.Fatalf("%v %+v", err, got)
		}
		noHeaders := options != nil && options != (*metav1.TableOptions)(nil)
		if noHeaders != (got.ColumnDefinitions == nil) {
			t.Errorf("options %v: columns %v", options, got.ColumnDefinitions)
		}
	}
}
