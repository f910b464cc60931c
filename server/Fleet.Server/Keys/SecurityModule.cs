using System.Security.Cryptography;
using Net.Pkcs11Interop.Common;
using Net.Pkcs11Interop.HighLevelAPI;
using ISession = Net.Pkcs11Interop.HighLevelAPI.ISession;

namespace Fleet.Server.Keys;

/// <summary>
/// A security module behind PKCS#11. It may be away, locked or restarted: each call says so in a sentence, and the next one begins anew
/// where it has to.
/// </summary>
internal sealed partial class SecurityModule(KeysOptions options, TimeProvider time) : IDisposable
{
    /// <summary>How long a module that did not answer is left alone: thousands of orders must not wait for it one by one.</summary>
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(2);

    private readonly Lock _lock = new();
    private Connection? _open;
    private KeyUnavailableException? _failure;
    private long _failedAt;
    private byte[]? _refused;

    /// <summary>What it is called in a sentence.</summary>
    public string Name => $"token '{options.Pkcs11Token}' of {options.Pkcs11Library}";

    /// <summary>Why it does not sign now; null when it does.</summary>
    public string? Problem()
    {
        try
        {
            Use(session => session.GetSessionInfo());
            return null;
        }
        catch (KeyUnavailableException e)
        {
            return e.Message;
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        lock (_lock) Close();
    }

    /// <summary>Does something in a session that has logged in.</summary>
    /// <exception cref="KeyUnavailableException">The module does not answer, or refuses.</exception>
    private T Use<T>(Func<ISession, T> act)
    {
        lock (_lock)
        {
            if (_failure is { } before && time.GetElapsedTime(_failedAt) < Pause) throw before;
            try
            {
                return UseTwice(act);
            }
            catch (Exception e) when (e is Pkcs11Exception or UnmanagedException or LibraryArchitectureException or IOException
                or UnauthorizedAccessException or InvalidDataException or DllNotFoundException)
            {
                Close();
                _failure = e as KeyUnavailableException
                    ?? new KeyUnavailableException($"{SentenceOf(e)} Nothing was lost; it is tried again.", e);
                _failedAt = time.GetTimestamp();
                throw _failure;
            }
        }
    }

    /// <summary>A module that was taken away and put back has forgotten its sessions: once more, from the beginning.</summary>
    private T UseTwice<T>(Func<ISession, T> act)
    {
        if (_open is { } open)
        {
            try
            {
                return act(open.Session);
            }
            catch (Pkcs11Exception)
            {
                Close();
            }
        }
        _open = Connect();
        var done = act(_open.Session);
        _failure = null;
        return done;
    }

    private Connection Connect()
    {
        var pin = Pin();
        var library = Factories.Pkcs11LibraryFactory.LoadPkcs11Library(Factories, options.Pkcs11Library, AppType.MultiThreaded);
        try
        {
            var slot = library.GetSlotList(SlotsType.WithTokenPresent).Find(slot => slot.GetTokenInfo().Label.Trim() == options.Pkcs11Token)
                ?? throw new InvalidDataException("it is not there");
            var session = slot.OpenSession(SessionType.ReadWrite);
            LogIn(session, pin);
            return new Connection(library, session);
        }
        catch
        {
            library.Dispose();
            throw;
        }
        finally
        {
            CryptographicOperations.ZeroMemory(pin);
        }
    }

    private void LogIn(ISession session, byte[] pin)
    {
        try
        {
            session.Login(CKU.CKU_USER, pin);
            _refused = null;
        }
        catch (Pkcs11Exception e) when (e.RV == CKR.CKR_PIN_INCORRECT)
        {
            _refused = SHA256.HashData(pin);
            throw;
        }
    }

    /// <summary>The PIN, unless the token has refused it: most lock after a few wrong ones.</summary>
    private byte[] Pin()
    {
        var file = options.Pkcs11PinFile!;
        if (!OperatingSystem.IsWindows() && (File.GetUnixFileMode(file) & ~(UnixFileMode.UserRead | UnixFileMode.UserWrite)) != 0)
            throw new InvalidDataException($"others may read its PIN: chmod 600 {file}");
        var content = File.ReadAllBytes(file);
        var pin = content.AsSpan().TrimEnd("\r\n"u8).ToArray();
        CryptographicOperations.ZeroMemory(content);
        if (_refused is { } refused && refused.AsSpan().SequenceEqual(SHA256.HashData(pin)))
            throw new InvalidDataException(PinRefused);
        return pin;
    }

    private string PinRefused => $"it refused the PIN in {options.Pkcs11PinFile}, which is not tried again until the file changes, because "
        + "a token is locked by a few wrong ones";

    private string SentenceOf(Exception failure) => $"The {Name} cannot be used: " + failure switch
    {
        Pkcs11Exception { RV: CKR.CKR_PIN_INCORRECT } => PinRefused,
        Pkcs11Exception { RV: CKR.CKR_PIN_LOCKED } => "it is locked after wrong PINs; its security officer unlocks it",
        Pkcs11Exception { RV: CKR.CKR_USER_PIN_NOT_INITIALIZED } => "it has no PIN for users yet",
        Pkcs11Exception refused => $"it answered {refused.RV}",
        _ => failure.Message.TrimEnd('.'),
    } + ".";

    private void Close()
    {
        _open?.Dispose();
        _open = null;
    }

    private sealed record Connection(IPkcs11Library Library, ISession Session) : IDisposable
    {
        public void Dispose()
        {
            try
            {
                Session.Dispose();
                Library.Dispose();
            }
            catch (Pkcs11Exception)
            {
                // A module that is gone has closed the session by itself.
            }
        }
    }
}
