using Fleet.Agent.Enrollment;
using Fleet.Platform;
using Microsoft.Extensions.Options;

namespace Fleet.Agent.Run;

/// <summary>The part that turns a failure into a sentence and an exit code.</summary>
internal static partial class CommandLine
{
    /// <summary>A planned failure prints one sentence; anything else keeps its stack trace.</summary>
    private static async Task<int> GuardAsync(Func<Task<ExitCode>> action, CancellationToken cancellationToken)
    {
        try
        {
            return (int)await action();
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            return await FailAsync(ExitCode.Stopped, "stopped before it was done.");
        }
        catch (UsageException e)
        {
            return await FailAsync(ExitCode.Usage, e.Message);
        }
        catch (EnrollmentException e)
        {
            return await FailAsync(ExitCodeOf(e.Failure), e.Message);
        }
        catch (Exception e) when (SettingFailures(e) is { Count: > 0 } failures)
        {
            return await FailAsync(ExitCode.Usage, [.. failures]);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return await FailAsync(
                ExitCode.Failed, DiskSpace.Explain(e, "what was there is as it was, and the command can be run again"));
        }
    }

    private static async Task<int> FailAsync(ExitCode code, params string[] reasons)
    {
        foreach (var reason in reasons) await Console.Error.WriteLineAsync($"fleet-agent: {PlainText.Lines(reason)}");
        return (int)code;
    }

    private static ExitCode ExitCodeOf(EnrollmentFailure failure) => failure switch
    {
        EnrollmentFailure.Invalid => ExitCode.Usage,
        EnrollmentFailure.NotEnrolled => ExitCode.NotEnrolled,
        EnrollmentFailure.Unreachable or EnrollmentFailure.Waiting => ExitCode.Unreachable,
        _ => ExitCode.Refused,
    };

    private static List<string> SettingFailures(Exception exception) => exception switch
    {
        OptionsValidationException wrong => [.. wrong.Failures],
        AggregateException several when several.InnerExceptions.All(inner => inner is OptionsValidationException)
            => [.. several.InnerExceptions.SelectMany(SettingFailures)],
        // The binder could not read a value.
        InvalidOperationException { InnerException: FormatException } unreadable => [unreadable.Message],
        _ => [],
    };
}
