/** The predecessor's metrics, name by name with their labels: what its dashboards ask for. */
export const keptMetrics: Readonly<Record<string, readonly string[]>> = {
  managed_tokens_stage_duration_seconds: ['executable', 'stage'],
  managed_tokens_last_ferry_refresh: [],
  managed_tokens_ferry_request_duration_seconds: [],
  managed_tokens_ferry_request_error_count: [],
  managed_tokens_failed_services_push_count: [],
  managed_tokens_kinit_duration_seconds: ['service'],
  managed_tokens_failed_kinit_count: ['service'],
  managed_tokens_last_token_store_timestamp: ['service', 'credd'],
  managed_tokens_token_store_duration_seconds: ['service', 'credd'],
  managed_tokens_failed_vault_token_store_count: ['service', 'credd'],
  managed_tokens_last_token_get_timestamp: ['service'],
  managed_tokens_token_get_duration_seconds: ['service'],
  managed_tokens_failed_vault_token_get_count: ['service'],
  managed_tokens_ping_duration_seconds: ['node'],
  managed_tokens_failed_ping_count: ['node'],
  managed_tokens_last_token_push_timestamp: ['service', 'node'],
  managed_tokens_token_push_duration_seconds: ['service', 'node'],
  managed_tokens_failed_token_push_count: ['service', 'node'],
  managed_tokens_admin_error_email_last_sent_timestamp: ['notification_type', 'success'],
  managed_tokens_admin_error_email_send_duration_seconds: ['notification_type'],
  managed_tokens_service_error_email_last_sent_timestamp: ['service', 'success'],
  managed_tokens_service_error_email_send_duration_seconds: [],
  managed_tokens_current_setup_error_count: ['service'],
  managed_tokens_current_push_error_count: ['service', 'node'],
}

/** Stages of its two programs. */
export const keptStages: Readonly<Record<string, readonly string[]>> = {
  'token-push': [
    ...[
      'setup',
      'getKerberosTickets',
      'getTokens',
      'storeAndGetTokens',
      'pingNodes',
      'pushTokens',
      'cleanup',
    ],
  ],
  'refresh-uids-from-ferry': ['getFERRYData', 'refreshManagedTokensDB'],
}
