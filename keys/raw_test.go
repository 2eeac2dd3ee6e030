package keys_test
import ("testing";"crypto/ecdsa";"crypto/elliptic";"crypto/rand";"crypto/sha256";"encoding/json")
func BenchmarkRaw(b *testing.B){
 k,_:=ecdsa.GenerateKey(elliptic.P256(),rand.Reader); h:=sha256.Sum256([]byte("x"))
 b.Run("ecdsa",func(b *testing.B){b.ReportAllocs();for b.Loop(){ecdsa.Sign(rand.Reader,k,h[:])}})
 r,s,_:=ecdsa.Sign(rand.Reader,k,h[:])
 b.Run("ecdsav",func(b *testing.B){b.ReportAllocs();for b.Loop(){ecdsa.Verify(&k.PublicKey,h[:],r,s)}})
 c:=claims()
 b.Run("json",func(b *testing.B){b.ReportAllocs();for b.Loop(){json.Marshal(c)}})
}
