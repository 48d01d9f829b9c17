package generic

import (
	"context"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/registry/rest"
)

// Column is a column of `kubectl get`.
type Column[T any] struct {
	Name string
	// Type and Format are of the OpenAPI kind; the type is "string" if not set.
	Type, Format string
	// Wide columns show with -o wide only.
	Wide bool
	Doc  string
	// Cell returns a string, an int64, a bool or nil.
	Cell func(T) any
}

// Integer is the Type of columns that hold numbers.
const Integer = "integer"

// Name is the column that most tables begin with.
func Name[T Object]() Column[T] {
	return NameAs(func(o T) string { return o.GetName() })
}

// NameAs is the Name column of resources that adorn the name.
func NameAs[T Object](name func(T) string) Column[T] {
	return Column[T]{Name: "Name", Format: "name", Doc: metaDoc["name"], Cell: func(o T) any { return name(o) }}
}

// Age is the column with the time since creation.
func Age[T Object]() Column[T] {
	return Column[T]{Name: "Age", Doc: metaDoc["creationTimestamp"], Cell: func(o T) any { return Since(o.GetCreationTimestamp()) }}
}

var metaDoc = metav1.ObjectMeta{}.SwaggerDoc()

// table converts objects of one resource to rows.
type table[T Object] struct {
	columns    []Column[T]
	conditions func(T) []metav1.TableRowCondition
}

func (r *Resource[T]) tableConvertor() rest.TableConvertor {
	if r.Columns == nil {
		return rest.NewDefaultTableConvertor(schema.GroupResource{Group: r.GV.Group, Resource: r.Plural})
	}
	return table[T]{r.Columns, r.RowConditions}
}

// NewTable converts objects that are not of a Resource to rows of columns.
func NewTable[T Object](columns []Column[T]) rest.TableConvertor { return table[T]{columns: columns} }

// ConvertToTable implements rest.TableConvertor.
func (t table[T]) ConvertToTable(_ context.Context, obj, options runtime.Object) (*metav1.Table, error) {
	out := &metav1.Table{}
	if o, ok := options.(*metav1.TableOptions); !ok || o == nil || !o.NoHeaders {
		out.ColumnDefinitions = t.definitions()
	}
	add := func(o runtime.Object) error {
		out.Rows = append(out.Rows, t.row(o.(T)))
		return nil
	}
	if list, err := meta.ListAccessor(obj); err == nil && meta.IsListType(obj) {
		out.ResourceVersion, out.Continue = list.GetResourceVersion(), list.GetContinue()
		out.RemainingItemCount = list.GetRemainingItemCount()
		return out, meta.EachListItem(obj, add)
	}
	common, err := meta.CommonAccessor(obj)
	if err != nil {
		return nil, err
	}
	out.ResourceVersion = common.GetResourceVersion()
	return out, add(obj)
}

func (t table[T]) definitions() []metav1.TableColumnDefinition {
	out := make([]metav1.TableColumnDefinition, 0, len(t.columns))
	for _, c := range t.columns {
		d := metav1.TableColumnDefinition{Name: c.Name, Type: c.Type, Format: c.Format, Description: c.Doc}
		if d.Type == "" {
			d.Type = "string"
		}
		if c.Wide {
			d.Priority = 1
		}
		out = append(out, d)
	}
	return out
}

func (t table[T]) row(obj T) metav1.TableRow {
	row := metav1.TableRow{Cells: make([]any, 0, len(t.columns)), Object: runtime.RawExtension{Object: obj}}
	for _, c := range t.columns {
		row.Cells = append(row.Cells, c.Cell(obj))
	}
	if t.conditions != nil {
		row.Conditions = t.conditions(obj)
	}
	return row
}

// AsWide returns the column for -o wide only.
func (c Column[T]) AsWide() Column[T] {
	c.Wide = true
	return c
}
