using System.Security.Cryptography;
using System.Text;
using Fleet.Contracts.Releases;

namespace Fleet.Contracts.Tests;

/// <summary>What is signed, byte for byte: other implementations of DSSE sign the same.</summary>
public sealed class DsseTests
{
    [Theory]
    // The first is the example of the specification.
    [InlineData("http://example.com/HelloWorld", "hello world", "DSSEv1 29 http://example.com/HelloWorld 11 hello world")]
    [InlineData("", "", "DSSEv1 0  0 ")]
    [InlineData("a b", "c d", "DSSEv1 3 a b 3 c d")]
    [InlineData("größe", "größe", "DSSEv1 7 größe 7 größe")]
    public void Type_and_payload_are_signed_with_their_lengths_in_bytes(string type, string payload, string encoded)
        => Assert.Equal(encoded, Encoding.UTF8.GetString(DsseEnvelope.PreAuthenticationEncoding(type, Encoding.UTF8.GetBytes(payload))));

    [Fact]
    public void No_two_envelopes_sign_the_same_bytes()
    {
        // Without lengths a byte could move from the type to the payload.
        byte[] Of(string type, string payload) => DsseEnvelope.PreAuthenticationEncoding(type, Encoding.UTF8.GetBytes(payload));
        Assert.NotEqual(Of("ab", "c"), Of("a", "bc"));
        Assert.NotEqual(Of("a 1", ""), Of("a", "1"));
        Assert.NotEqual(Of("", "DSSEv1 0  0 "), Of("DSSEv1 0  0 ", ""));
    }

    [Fact]
    public void Signature_is_that_of_the_encoding_by_the_named_key()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var envelope = DsseEnvelope.Sign(DsseEnvelope.InToto, "{}"u8.ToArray(), key);
        var signature = Assert.Single(envelope.Signatures);
        Assert.Equal(ReleaseKey.IdOf(key.ExportSubjectPublicKeyInfo()), signature.KeyId);
        Assert.True(key.VerifyData(
            DsseEnvelope.PreAuthenticationEncoding(envelope.PayloadType, envelope.Payload), signature.Sig, HashAlgorithmName.SHA256,
            DSASignatureFormat.Rfc3279DerSequence));
        Assert.False(key.VerifyData(
            envelope.Payload, signature.Sig, HashAlgorithmName.SHA256, DSASignatureFormat.Rfc3279DerSequence));
    }

    [Fact]
    public void Id_of_a_key_is_the_digest_of_what_openssl_writes_as_its_public_key()
    {
        const string Pem = """
            -----BEGIN PUBLIC KEY-----
            MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEaxfR8uEsQkf4vOblY6RA8ncDfYEt
            6zOg9KE5RdiYwpZP40Li/hp/m47n60p8D54WK84zV2sxXs7LtkBoN79R9Q==
            -----END PUBLIC KEY-----
            """;
        using var key = ECDsa.Create();
        key.ImportFromPem(Pem);
        var der = Convert.FromBase64String(string.Concat(Pem.Split('\n')[1..^1].Select(line => line.Trim())));
        Assert.Equal(Convert.ToHexStringLower(SHA256.HashData(der)), ReleaseKey.Of(key.ExportSubjectPublicKeyInfo()).Id);
    }
}
