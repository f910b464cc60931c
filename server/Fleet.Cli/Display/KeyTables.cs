using Fleet.Cli.Terminal;
using Fleet.Contracts.Http;
using Fleet.Contracts.Trust;

namespace Fleet.Cli.Display;

/// <summary>Roots and keys as tables for a terminal.</summary>
internal static class KeyTables
{
    /// <summary>The root that counts, and where its keys are.</summary>
    public static void Write(Shell screen, KeysView keys)
    {
        Write(screen, keys.Root, key => keys.InModule.Contains(key) ? "in the server's module"
            : keys.OnServer.Contains(key) ? "on the server" : "elsewhere");
        foreach (var problem in keys.Problems) screen.WriteSentence(problem);
    }

    /// <summary>A root: a line for each key.</summary>
    public static void Write(Shell screen, TrustRoot root, Func<string, string> whereIs)
    {
        screen.WriteHeading($"Root {root.Version} of fleet {root.Fleet[..8]}");
        screen.WriteLine($"Orders are of epoch {root.OrderEpoch}; it counts until {Figures.Moment(root.ExpiresAt)}.");
        screen.WriteLine();
        var sheet = new Sheet("role", "key", "where", "signs");
        foreach (var (name, role) in (IEnumerable<(string, TrustRole)>)
            [("root", root.Roles.Root), ("releases", root.Roles.Releases), ("orders", root.Roles.Orders)])
        {
            foreach (var key in role.Keys)
                sheet.Add(name, key[..16], whereIs(key), $"{role.Threshold} of {role.Keys.Count}");
        }
        screen.Write(sheet);
    }
}
