namespace Fleet.Agent.Enrollment;

/// <summary>The device could not be enrolled, or is not. The message says why and what to do.</summary>
internal sealed class EnrollmentException(string message, ExitCode exitCode, Exception? cause = null) : Exception(message, cause)
{
    /// <summary>What the program ends with.</summary>
    public ExitCode ExitCode { get; } = exitCode;
}
