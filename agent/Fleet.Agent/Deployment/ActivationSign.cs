using System.ComponentModel;
using System.Diagnostics;
using Microsoft.Extensions.Logging;

namespace Fleet.Agent.Deployment;

/// <summary>
/// The device's own word on whether it may switch releases now: a machine that stands still, a door that is closed. Named by the setting
/// <see cref="DeploymentOptions.ActivationSign"/>.
/// </summary>
internal sealed partial class ActivationSign(DeploymentOptions options, TimeProvider time, ILogger<ActivationSign> logger)
{
    private static readonly TimeSpan CommandDeadline = TimeSpan.FromSeconds(30);

    /// <summary>True when the device may switch now. What cannot be read gives no sign.</summary>
    public async Task<bool> IsGivenAsync(CancellationToken cancellationToken)
    {
        try
        {
            return await ReadAsync(cancellationToken);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or Win32Exception)
        {
            LogUnreadable(options.ActivationSign, e.Message);
            return false;
        }
    }

    /// <summary>What is wrong with a setting; null when it can be used.</summary>
    public static string? ProblemOf(string sign) => sign.Split(':', 2) switch
    {
        [""] => null,
        ["file" or "command", { Length: > 0 }] => null,
        ["value", var value] when value.Split('=', 2) is [{ Length: > 0 }, _] => null,
        _ => $"'{sign}' is not understood: write file:PATH, value:PATH=TEXT or command:PROGRAM ARGUMENT….",
    };

    private async Task<bool> ReadAsync(CancellationToken cancellationToken) => options.ActivationSign.Split(':', 2) switch
    {
        ["file", var path] => File.Exists(path),
        ["value", var value] when value.Split('=', 2) is [var path, var wanted]
            => (await File.ReadAllTextAsync(path, cancellationToken)).Trim() == wanted.Trim(),
        ["command", var command] => await RunAsync(command.Split(' ', StringSplitOptions.RemoveEmptyEntries), cancellationToken),
        _ => true,
    };

    private async Task<bool> RunAsync(string[] command, CancellationToken cancellationToken)
    {
        using var process = Process.Start(new ProcessStartInfo(command[0], command[1..]) { RedirectStandardInput = true });
        if (process is null) return false;
        process.StandardInput.Close();
        using var deadline = new CancellationTokenSource(CommandDeadline, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(deadline.Token, cancellationToken);
        try
        {
            await process.WaitForExitAsync(either.Token);
            return process.ExitCode == 0;
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            cancellationToken.ThrowIfCancellationRequested();
            LogUnreadable(options.ActivationSign, $"it did not end within {CommandDeadline.TotalSeconds:0} s");
            return false;
        }
    }

    [LoggerMessage(LogLevel.Warning, "The sign {Sign} cannot be read, so that no release is switched to: {Reason}.")]
    private partial void LogUnreadable(string sign, string reason);
}
