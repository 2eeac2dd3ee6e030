package gormstore
import ("testing";"context";"time";"fmt";"os";"strings"
"kiket.dev/auth/storage")
func BenchmarkPlans(b *testing.B) {
	w := newBench(b, openMigrated(b, engines["postgres"](b)))
	if os.Getenv("ANALYZE") != "" { w.s.define(w.ctx, "x", "ANALYZE") }
	_ = context.Background(); _ = time.Now
	for _, extra := range strings.Split(os.Getenv("SETS"), ";") {
	  w.s.Transaction(w.ctx, func(ctx context.Context) error {
		if extra != "" { for _, x := range strings.Split(extra, ",") { w.s.define(ctx, "x", "SET LOCAL "+x) } }
		for _, size := range []int{1,16} {
			for name, head := range map[string][2]string{"access": {accessTokenHead, accessTokenTail}, "opaque": {opaqueTokenHead, ""}} {
				sql := selectionSQL(postgresDialect, head[0], head[1], size)
				var args []any
				for i := range size { if name=="access" {args = append(args, w.tokens[i].Reference)} else {args = append(args, w.opaque[i].Reference)} }
				if name == "access" { args = append(args, stored(w.tokens[0].ExpiresAt), stored(w.tokens[0].ExpiresAt)) }
				rows, err := w.s.transaction(ctx).db.Statement.ConnPool.QueryContext(ctx, "EXPLAIN (ANALYZE, COSTS, BUFFERS, SUMMARY) "+sql, args...)
				if err != nil { b.Fatal(err) }
				out := ""
				for rows.Next() { var l string; rows.Scan(&l); if !strings.Contains(l, "Output") {out += l+"\n"} }
				rows.Close()
				fmt.Println(extra, name, size, "\n"+out)
			}
		}
		return nil
	  })
	}
	_ = storage.AccessToken
}
