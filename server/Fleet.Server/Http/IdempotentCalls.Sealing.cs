using System.IO.Compression;
using System.Security.Cryptography;
using System.Text;

namespace Fleet.Server.Http;

/// <summary>How an answer is kept: packed, and encrypted with a key that only the caller has.</summary>
internal sealed partial class IdempotentCalls
{
    private static byte[] Pack(byte[] answer)
    {
        using var packed = new MemoryStream();
        using (var packing = new GZipStream(packed, CompressionLevel.Fastest)) packing.Write(answer);
        return packed.ToArray();
    }

    private static async Task UnpackAsync(byte[] packed, Stream answer, CancellationToken cancellationToken)
    {
        using var content = new MemoryStream(packed);
        await using var unpacking = new GZipStream(content, CompressionMode.Decompress);
        await unpacking.CopyToAsync(answer, cancellationToken);
    }

    private static byte[] Seal(byte[] answer, Call call)
    {
        var nonce = RandomNumberGenerator.GetBytes(AesGcm.NonceByteSizes.MaxSize);
        var (sealedAnswer, tag) = (new byte[answer.Length], new byte[AesGcm.TagByteSizes.MaxSize]);
        using var cipher = CipherOf(call);
        cipher.Encrypt(nonce, answer, sealedAnswer, tag);
        return [.. nonce, .. tag, .. sealedAnswer];
    }

    private static byte[] Open(byte[] kept, Call call)
    {
        var (nonce, tag) = (AesGcm.NonceByteSizes.MaxSize, AesGcm.TagByteSizes.MaxSize);
        var answer = new byte[kept.Length - nonce - tag];
        using var cipher = CipherOf(call);
        cipher.Decrypt(kept.AsSpan(0, nonce), kept.AsSpan(nonce + tag), kept.AsSpan(nonce, tag), answer);
        return answer;
    }

    private static AesGcm CipherOf(Call call) => new(
        HKDF.DeriveKey(HashAlgorithmName.SHA256, Encoding.ASCII.GetBytes(call.Key), 32, Encoding.ASCII.GetBytes(call.Id)),
        AesGcm.TagByteSizes.MaxSize);
}
