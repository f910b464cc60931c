using System.Text.Json;
using Fleet.Agent.Bundles;
using Fleet.Agent.Disk;
using Fleet.Agent.Enrollment;
using Fleet.Platform;

namespace Fleet.Agent.Run;

/// <summary>
/// Hands a bundle to the agent of this device: to the one that runs, or else to one that runs for this alone and reaches no network.
/// </summary>
internal sealed class Installation(DataFolder folder, TextWriter output, TextWriter errors)
{
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(200);

    /// <summary>What the agent is told that runs for this alone: no application waits for it at a known port.</summary>
    private static readonly Dictionary<string, string?> Settings = new() { ["Inference:Port"] = "0" };

    /// <summary>Installs a bundle and says what became of it.</summary>
    public async Task<ExitCode> RunAsync(string file, bool json, CancellationToken cancellationToken)
    {
        if (!IdentityFile.IsReadable(folder))
            throw new EnrollmentException(
                $"This device is not enrolled: it trusts no key that a bundle could be signed by. {folder.Identity} does not exist.",
                EnrollmentFailure.NotEnrolled);
        folder.Create();
        var bundles = new BundleFolder(folder);
        var answer = await AnswerAsync(bundles, await bundles.PutAsync(file, cancellationToken), cancellationToken);
        if (json) await output.WriteLineAsync(JsonSerializer.Serialize(answer, BundlesJson.Default.InstallAnswer));
        else if (answer.Installed)
            await output.WriteLineAsync($"{answer.Model} {answer.Version} is installed with variant {answer.Variant}.");
        if (!answer.Installed) await errors.WriteLineAsync($"fleet-agent: {PlainText.Line(SentenceOf(answer))}");
        return answer.Installed ? ExitCode.Success : ExitCode.Failed;
    }

    private async Task<InstallAnswer> AnswerAsync(BundleFolder bundles, string name, CancellationToken cancellationToken)
    {
        using var done = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var agent = ServeAsync(done.Token);
        try
        {
            while (true)
            {
                if (bundles.Take(name) is { } answer) return answer;
                if (agent.IsCompleted) await agent;
                await Task.Delay(Interval, cancellationToken);
            }
        }
        finally
        {
            await done.CancelAsync();
            await agent.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    /// <summary>Runs an agent wherever none runs, until it is told to stop.</summary>
    private async Task ServeAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            try
            {
                if (FolderOwner.UserOf(folder.Identity) is > 0 and var user && Environment.IsPrivilegedProcess)
                {
                    if (!folder.IsInUse()) throw new IOException(NotHere(user));
                }
                else await AgentHost.RunAsync(folder, Settings, isLinked: false, cancellationToken);
                cancellationToken.ThrowIfCancellationRequested();
            }
            catch (FolderInUseException)
            {
                // The agent that runs takes the bundle; should it end, this one goes on.
            }
            await Task.Delay(Interval, cancellationToken);
        }
    }

    /// <summary>An agent of root would leave files behind that the one of this device cannot open.</summary>
    private string NotHere(uint user)
        => $"No agent runs in {folder.Root}, which belongs to user {user}, and one that root starts would leave files there that only root "
            + "can open. The release waits in that folder: start the agent (systemctl start fleet-agent) and it installs it.";

    private static string SentenceOf(InstallAnswer answer)
    {
        if (answer.Model is null) return answer.Detail;
        var serves = answer.ActiveVersion is { } version ? $"Release {version} goes on serving." : "Nothing of it serves.";
        return $"{answer.Model} {answer.Version} is not installed. {answer.Detail} {serves}";
    }
}
