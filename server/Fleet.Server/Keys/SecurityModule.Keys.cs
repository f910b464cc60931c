using System.Formats.Asn1;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using Net.Pkcs11Interop.Common;
using Net.Pkcs11Interop.HighLevelAPI;
using ISession = Net.Pkcs11Interop.HighLevelAPI.ISession;

namespace Fleet.Server.Keys;

/// <summary>The part that finds, makes and uses keys.</summary>
internal sealed partial class SecurityModule
{
    /// <summary>The curve P-256 as PKCS#11 names it: its object identifier, DER.</summary>
    private static readonly byte[] Curve = [0x06, 0x08, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07];

    private static readonly Pkcs11InteropFactories Factories = Resolving();

    /// <summary>The P-256 keys under a label whose private half is here.</summary>
    public IReadOnlyList<ModuleKey> KeysOf(string label) => Use<IReadOnlyList<ModuleKey>>(session =>
    [
        .. session.FindAllObjects([Is(CKA.CKA_CLASS, CKO.CKO_PRIVATE_KEY), Is(CKA.CKA_LABEL, label)])
            .Select(key => KeyOf(session, session.GetAttributeValue(key, [CKA.CKA_ID])[0].GetValueAsByteArray())).OfType<ModuleKey>(),
    ]);

    /// <summary>A new key under a label. Its private half cannot be taken out of the module.</summary>
    public ModuleKey Generate(string label) => Use(session =>
    {
        var id = RandomNumberGenerator.GetBytes(16);
        session.GenerateKeyPair(
            Factories.MechanismFactory.Create(CKM.CKM_EC_KEY_PAIR_GEN),
            [Is(CKA.CKA_TOKEN, true), Is(CKA.CKA_VERIFY, true), Is(CKA.CKA_LABEL, label), Is(CKA.CKA_ID, id), Is(CKA.CKA_EC_PARAMS, Curve)],
            [
                Is(CKA.CKA_TOKEN, true), Is(CKA.CKA_PRIVATE, true), Is(CKA.CKA_SENSITIVE, true), Is(CKA.CKA_EXTRACTABLE, false),
                Is(CKA.CKA_SIGN, true), Is(CKA.CKA_LABEL, label), Is(CKA.CKA_ID, id),
            ],
            out _, out _);
        return KeyOf(session, id) ?? throw new InvalidDataException("it made a key and does not have it");
    });

    /// <summary>Signs a hash; both halves of the signature one after the other.</summary>
    public byte[] Sign(byte[] id, byte[] hash) => Use(session
        => session.FindAllObjects([Is(CKA.CKA_CLASS, CKO.CKO_PRIVATE_KEY), Is(CKA.CKA_ID, id)]) is [var key, ..]
            ? session.Sign(Factories.MechanismFactory.Create(CKM.CKM_ECDSA), key, hash)
            : throw new InvalidDataException("a key that it had is not there any more"));

    private ModuleKey? KeyOf(ISession session, byte[] id)
    {
        if (session.FindAllObjects([Is(CKA.CKA_CLASS, CKO.CKO_PUBLIC_KEY), Is(CKA.CKA_ID, id)]) is not [var key, ..]) return null;
        var values = session.GetAttributeValue(key, [CKA.CKA_EC_PARAMS, CKA.CKA_EC_POINT]);
        if (!values[0].GetValueAsByteArray().AsSpan().SequenceEqual(Curve)) return null;
        return PointOf(values[1].GetValueAsByteArray()) is { } point ? new ModuleKey(this, id, point) : null;
    }

    /// <summary>An uncompressed point; within an octet string as the standard asks, or bare as some modules have it.</summary>
    private static ECPoint? PointOf(byte[] value)
    {
        var bytes = value.Length == 65 ? value : AsnDecoder.ReadOctetString(value, AsnEncodingRules.DER, out _);
        return bytes is [4, ..] && bytes.Length == 65 ? new ECPoint { X = bytes[1..33], Y = bytes[33..] } : null;
    }

    /// <summary>
    /// The library asks for <c>libdl</c>, whose bare name only comes with the headers of a compiler; what it wants is in <c>libdl.so.2</c>,
    /// or in the C library itself.
    /// </summary>
    private static Pkcs11InteropFactories Resolving()
    {
        NativeLibrary.SetDllImportResolver(typeof(Pkcs11InteropFactories).Assembly, (name, _, _)
            => name == "libdl" && (NativeLibrary.TryLoad("libdl.so.2", out var found) || NativeLibrary.TryLoad("libc", out found))
                ? found
                : 0);
        return new Pkcs11InteropFactories();
    }

    private static IObjectAttribute Is(CKA attribute, CKO value) => Factories.ObjectAttributeFactory.Create(attribute, value);

    private static IObjectAttribute Is(CKA attribute, bool value) => Factories.ObjectAttributeFactory.Create(attribute, value);

    private static IObjectAttribute Is(CKA attribute, string value) => Factories.ObjectAttributeFactory.Create(attribute, value);

    private static IObjectAttribute Is(CKA attribute, byte[] value) => Factories.ObjectAttributeFactory.Create(attribute, value);
}
