using System.Security.Cryptography.X509Certificates;

namespace Fleet.Server.Certificates;

/// <summary>What the machine's clock must say for certificates to be worth anything. Pure.</summary>
internal static class AuthorityClock
{
    /// <summary>
    /// When the runtime of this program appeared: no clock is right that is earlier. The authority is valid from then on, so that a clock
    /// that was ahead at the first start harms nothing once it is corrected.
    /// </summary>
    public static readonly DateTimeOffset Earliest = new(2025, 11, 11, 0, 0, 0, TimeSpan.Zero);

    /// <summary>Nobody runs this program thirty years on; a clock that says so has lost its battery.</summary>
    private static readonly DateTimeOffset Latest = Earliest.AddYears(30);

    /// <summary>Why nothing is signed by that clock; null when it is.</summary>
    public static string? ProblemOf(DateTimeOffset now)
        => now >= Earliest && now <= Latest
            ? null
            : $"This machine's clock says {now:u}, which cannot be: set it and start again. Certificates signed by it would be refused by "
                + "every device.";

    /// <summary>Why an authority is of no use now; null when it is.</summary>
    /// <param name="authority">Its certificate.</param>
    /// <param name="file">Where that is.</param>
    /// <param name="now">What the clock says.</param>
    public static string? ProblemOf(X509Certificate2 authority, string file, DateTimeOffset now)
    {
        if (now >= authority.NotBefore && now < authority.NotAfter) return null;
        return $"The authority in {file} is valid from {authority.NotBefore.ToUniversalTime():u} to "
            + $"{authority.NotAfter.ToUniversalTime():u}, "
            + $"and this machine's clock says {now:u}. If the clock is wrong now, set it and start again. If it was wrong at the first "
            + $"start: "
            + $"fleet-server {CertificateAuthority.BeginCommand} --Fleet:DataFolder={Path.GetDirectoryName(file)} makes the authority a "
            + $"new "
            + "certificate; devices that trusted the old one are then let back by 'fleet devices reenroll'.";
    }
}
